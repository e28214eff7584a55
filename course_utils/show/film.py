"""A film: grey pictures one after the other, with a slider to move through them."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from course_utils.show.display import in_notebook, publish
from course_utils.show.figures import alt_text, figure_html, figure_metadata, to_png
from course_utils.show.house import INK, PAPER, style

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 540  # pixels that a film may take on the page
MOST_ZOOM = 8
MOST_FRAMES = 200
N_GREYS = 16  # four bits a pixel
N_STILLS = 6
CSS = """
.course-film{max-width:600px;color-scheme:light;color:#1F2328;background:#fff;padding:.5em;font:13px sans-serif}
.course-film canvas{display:block;max-width:100%;image-rendering:pixelated;border:1px solid #D5D9DF}
.course-film .bar{display:flex;gap:.6em;align-items:center;margin-top:.4em}
.course-film .bar button{width:5em;font:inherit}.course-film .bar input{flex:1 1 auto}
.course-film img{max-width:100%}
""".strip().replace("\n", "")


def film(frames: Any, captions: Sequence[str], *, alt: str) -> None:
    """Show grey pictures (N, H, W) as a film with a slider and a button; where no code runs, some of them side by side.

    `frames` is an array or a tensor, 0 for paper and 1 for ink; what lies beyond is cut off, and 16 shades are kept.
    `captions` holds a line for each picture. Pixels are drawn as squares. The film starts when its button is
    pressed, ends at its last picture, and needs nothing from outside.

    Errors: ValueError for frames of another shape or not finite, for a wrong number of captions, for more than 200
    frames, for no `alt`.

    >>> film([[[0.0, 1.0]], [[1.0, 0.0]]], ["before", "after"], alt="A dot moves to the left.")
    Figure: A dot moves to the left.
    """
    pictures, text = _checked(frames, captions), alt_text(alt)
    if not in_notebook():
        print(f"Figure: {text}")
        return
    with style():
        png, width = to_png(_stills(pictures, captions))
    html = film_html(pictures, captions, text, figure_html(png, text, width))
    publish(f"Figure: {text}", html, png, figure_metadata(text, width))


def film_html(frames: "NDArray[np.float64]", captions: Sequence[str], alt: str, still: str) -> str:
    """The player as one piece of HTML, in which `still` stands until the script runs.

    Its id hangs on the words and the size, not on the pixels, so that a film of trained pictures has the same one.
    """
    height, width = frames.shape[1:]
    zoom = max(1, min(MOST_ZOOM, WIDTH // width))
    data = {"captions": list(captions), "width": width, "height": height, "zoom": zoom, "alt": alt}
    id = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:12]
    data["strip"] = f"data:image/png;base64,{base64.b64encode(_strip(frames)).decode('ascii')}"
    script = (files("course_utils.show") / "film.js").read_text(encoding="utf-8")
    script = script.replace("__DATA__", json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"))
    return (
        f'<div class="course-film" data-film="{escape(id)}" data-lm-suppress-shortcuts="true"><style>{CSS}</style>'
        f"{still}</div><script>{script.replace('__ID__', id)}</script>"
    )


def _checked(frames: Any, captions: Sequence[str]) -> "NDArray[np.float64]":
    import numpy as np

    pictures = np.asarray(frames.detach().cpu() if hasattr(frames, "detach") else frames, dtype=np.float64)
    if pictures.ndim != 3 or 0 in pictures.shape:
        raise ValueError(f"frames of shape {pictures.shape}; a film takes (pictures, height, width)")
    if len(pictures) > MOST_FRAMES:
        raise ValueError(f"{len(pictures)} frames make a heavy notebook; show at most {MOST_FRAMES}")
    if len(captions) != len(pictures):
        raise ValueError(f"{len(captions)} captions for {len(pictures)} frames; give one for each")
    if not np.isfinite(pictures).all():
        raise ValueError("frames must be finite numbers, 0 for paper and 1 for ink")
    return pictures.clip(0, 1)


def _strip(frames: "NDArray[np.float64]") -> bytes:
    """All frames one below the other as a PNG of 16 shades from paper to ink."""
    import numpy as np
    from PIL import Image, ImageColor

    n, height, width = frames.shape
    shades = (frames * (N_GREYS - 1)).round().astype(np.uint8).reshape(n * height, width)
    paper, ink = (np.array(ImageColor.getrgb(colour)) for colour in (PAPER, INK))
    mix = np.linspace(0, 1, N_GREYS)[:, None]
    image, packed = Image.frombytes("P", (width, n * height), shades.tobytes()), io.BytesIO()
    image.putpalette((paper + mix * (ink - paper)).round().astype(np.uint8).tobytes())
    image.save(packed, format="png", optimize=True, bits=4)
    return packed.getvalue()


def _stills(frames: "NDArray[np.float64]", captions: Sequence[str]) -> "Figure":
    """Up to six pictures of the film, the first and the last among them."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    chosen = np.linspace(0, len(frames) - 1, min(N_STILLS, len(frames))).round().astype(int)
    shape = frames.shape[1] / frames.shape[2]
    across = min(len(chosen), N_STILLS if shape > 0.6 else 3 if shape > 0.25 else 1)
    down = -(-len(chosen) // across)
    size = 7.2 / across
    fig = Figure(figsize=(7.2, down * (size * shape + 0.3)), layout="constrained")
    shades = LinearSegmentedColormap.from_list("ink", [PAPER, INK])
    for ax, k in zip(fig.subplots(down, across, squeeze=False).flat, chosen, strict=False):
        ax.imshow(frames[k], cmap=shades, vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(captions[k], fontsize=8, fontweight="normal", pad=3)
    for ax in fig.axes:
        ax.axis("off")
    return fig
