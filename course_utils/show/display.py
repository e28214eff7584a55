"""How the house style reaches the reader: a rich display in a notebook, plain text elsewhere."""

import base64
import sys
from typing import Any

REGION = "overflow-x:auto;max-width:100%"


def in_notebook() -> bool:
    """Whether an IPython shell is running, which can display more than text."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def publish(
    plain: str, html: str | None = None, png: bytes | None = None, metadata: dict[str, Any] | None = None
) -> None:
    """Display one output in all the forms given; outside a notebook print the plain text.

    What is counted about an output goes into its metadata, which nbval doesn't compare; the data it does.
    """
    if not in_notebook():
        print(plain)
        return
    from IPython.display import display

    data = {"text/plain": plain}
    if html is not None:
        data["text/html"] = html
    if png is not None:
        data["image/png"] = base64.b64encode(png).decode("ascii")
    display(data, raw=True, metadata=metadata or {})
