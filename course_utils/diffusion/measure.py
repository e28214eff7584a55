"""How good are samples? As a crowd: the Frechet distance of their features. One by one: the nearest real picture."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

Images = Float[Tensor, "N *shape"]
Others = Float[Tensor, "M *shape"]


class Nearest(NamedTuple):
    """The nearest of the others for each picture: its Euclidean distance, and which it is."""

    distance: Float[Tensor, " N"]
    which: Int[Tensor, " N"]


def frechet_distance(a: Float[Tensor, "N D"], b: Float[Tensor, "M D"]) -> float:
    """`frechet_gaussians` of two sets of features: as far as their means and covariances tell them apart.

    The features are what the distance sees: pixels, or better a layer of a classifier (Inception: the FID).
    It is biased: few samples lie further from the truth than many, so compare sets of the same size.
    Errors: ValueError for sets of less than two, or of different features.
    Source: Heusel 2017 (1706.08500), equation 6.

    >>> ring = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> round(frechet_distance(ring, ring + torch.tensor([3.0, 4.0])), 6)
    25.0
    """
    for name, features in (("a", a), ("b", b)):
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(f"{name} has the shape {tuple(features.shape)}; give (examples, features), at least two")
    return frechet_gaussians(a.double().mean(0), a.double().T.cov(), b.double().mean(0), b.double().T.cov())


def frechet_gaussians(
    mean_a: Float[Tensor, " D"], cov_a: Float[Tensor, "D D"], mean_b: Float[Tensor, " D"], cov_b: Float[Tensor, "D D"]
) -> float:
    """|mean_a - mean_b|^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)): the squared 2-Wasserstein distance of Gaussians.

    The trace of the root is a sum of roots of eigenvalues, those of A^(1/2) B A^(1/2), which is symmetric: no complex
    numbers arise, and covariances of less than full rank do no harm.
    Errors: ValueError for sizes that do not fit.
    Source: Dowson and Landau 1982; Heusel 2017 (1706.08500), equation 6.

    >>> one, two = torch.eye(1), 4 * torch.eye(1)  # standard deviations 1 and 2
    >>> frechet_gaussians(torch.zeros(1), one, torch.ones(1), two)
    2.0
    """
    if mean_a.shape != mean_b.shape or cov_a.shape != cov_b.shape:
        raise ValueError(f"{len(mean_a)} features on one side and {len(mean_b)} on the other; they must be the same")
    root_a = _root(cov_a.double())
    roots = torch.linalg.eigvalsh(root_a @ cov_b.double() @ root_a).clamp(min=0).sqrt()
    apart = (mean_a.double() - mean_b.double()).square().sum()
    return float((apart + cov_a.double().trace() + cov_b.double().trace() - 2 * roots.sum()).clamp(min=0))


def nearest(images: Images, others: Others) -> Nearest:
    """The most similar of `others` for each picture, by the Euclidean distance of the pixels.

    Samples that lie nearer to the training pictures than real pictures lie to each other are copies.
    Errors: ValueError for pictures of another shape than the others, or no others.

    >>> nearest(torch.tensor([[3.0, 4.0]]), torch.tensor([[9.0, 9.0], [0.0, 0.0]]))
    Nearest(distance=tensor([5.]), which=tensor([1]))
    """
    if images.shape[1:] != others.shape[1:] or not len(others):
        raise ValueError(f"pictures {tuple(images.shape)} and others {tuple(others.shape)}; only the number may differ")
    found = torch.cdist(images.flatten(1), others.flatten(1)).min(dim=1)
    return Nearest(found.values, found.indices)


def _root(cov: Float[Tensor, "D D"]) -> Float[Tensor, "D D"]:
    """The symmetric root of a covariance."""
    values, vectors = torch.linalg.eigh(cov)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T
