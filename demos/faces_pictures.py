"""Pictures of the demo faces: samples, interpolations and directions, without and with photographs beside them."""

import numpy as np

from demos import figures
from demos.faces_measures import two_nearest
from demos.faces_networks import CODE
from npae.models import latent

SHOWN, FIRST, DIRECTIONS = 10, 16, 5


def draw(out, faces, credit, judge, train, x, generators, samples, x_hats):
    """Samples, walks and directions; and, with photographs, nearest training faces and reconstructions of strangers.

    generators: {name: a function from rows of standard normal numbers to images}.
    """
    cmap = "gray" if faces else "gray_r"
    panels = [(name if name == "GAN" else f"{name}, fitted Gaussian of codes", images[:FIRST])
              for name, images in samples.items()]  # fmt: skip
    figures.sheets(out / "samples.png", panels, "The first sixteen samples of each model", columns=4, cmap=cmap)

    some = np.linspace(0, len(x) - 1, SHOWN).astype(int)
    rows = [("stranger", x[some]), *((name, images[some]) for name, images in x_hats.items())]
    title = f"Reconstructions of strangers through {CODE} numbers"
    figures.digit_rows(out / "reconstructions.png", rows, title, cmap=cmap, caption=credit)
    rows = []
    for name, images in samples.items():
        nearest = nearest_of_both(images[:SHOWN], judge.train, train.shape)
        rows += [(f"samples, {name}", images[:SHOWN]), ("nearest training face", nearest)]
    figures.digit_rows(out / "nearest.png", rows, "Samples, each above the nearest training face", cmap=cmap,
                       caption=credit)  # fmt: skip

    ends = np.random.default_rng(0).standard_normal((4, CODE)).astype(np.float32)
    rows = [(name, generator(latent.slerp(*pair, SHOWN)))
            for name, generator in generators.items() for pair in (ends[:2], ends[2:])]  # fmt: skip
    figures.digit_rows(out / "interpolations.png", rows, "Spherical interpolation between two codes", cmap=cmap)
    name, generator = next(iter(generators.items()))
    steps = np.linspace(-3, 3, SHOWN - 1, dtype=np.float32)[:, None]
    rows = [(f"direction {k + 1}", generator(steps * u)) for k, u in enumerate(directions(generator, CODE))]
    title = f"{name}: the directions in which faces change most, 3 standard deviations to both sides of the mean code"
    figures.digit_rows(out / "directions.png", rows, title, cmap=cmap)


def directions(generator, code, count=DIRECTIONS):
    """The unit directions of codes, (count, code), in which images change most around the code 0.

    With the Jacobian A of the generator g, a step u of the code changes the image by A u, and ‖A u‖ is largest for the
    first right singular vector of A, then for the second. Here the columns of A are quotients (g(e_j) − g(−e_j))/2, for
    steps of one standard deviation. The sign is such that the image becomes brighter.
    """
    steps = np.eye(code, dtype=np.float32)
    A = ((generator(steps) - generator(-steps)) / 2).reshape(code, -1).T
    u = np.linalg.svd(A, full_matrices=False)[2][:count]
    return u * np.where((A @ u.T).sum(axis=0) < 0, -1, 1)[:, None]


def nearest_of_both(images, train, shape):
    """The training face nearest to each image or, if that is nearer to its mirror image, this face mirrored."""
    found = [two_nearest(rows, train) for rows in (images, images[..., ::-1])]
    mirrored = found[1][1][:, 0] < found[0][1][:, 0]
    faces = [train[which[:, 0]].reshape(-1, *shape[1:]) for which, _ in found]
    return np.where(mirrored[:, None, None, None], faces[1][..., ::-1], faces[0])
