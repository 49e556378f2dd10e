"""The theory's figures show what their tables hold."""

from pathlib import Path

import numpy as np
import pytest

from rmft.stages import draw


def test_matrices_are_drawn_as_they_are(folder: Path) -> None:
    """A row for each space and covariance; the third matrix is the first less the second."""
    images = [
        image.get_array() for axes in draw.figure_of("theorem_matrices", folder).get_axes() for image in axes.images
    ]
    assert len(images) == 4 * 3
    for learnt, known, difference in zip(images[::3], images[1::3], images[2::3], strict=True):
        np.testing.assert_allclose(known, 0.1 * np.eye(3))
        np.testing.assert_allclose(difference, learnt - known)
        np.testing.assert_allclose(learnt[0], [0.1, 0.01, 0.02])


def test_every_run_of_the_training_has_its_line(folder: Path) -> None:
    axes = draw.figure_of("theorem_training", folder).get_axes()
    assert [a.get_title(loc="left") for a in axes] == [f"{s}, T = {T}" for s in ("ball", "simplex") for T in (5, 10)]
    lines = [line for a in axes for line in a.get_lines() if len(line.get_xdata()) == 3]
    assert len(lines) == 4 * (4 + 1)
    for line in lines:
        assert line.get_ydata() == pytest.approx([1, 0.1, 0.01])


def test_each_noise_and_k_has_its_line(folder: Path) -> None:
    labels = draw.figure_of("theorem_limit", folder).get_axes()[0].get_legend_handles_labels()[1]
    assert labels == [f"noise by {noise}, k = {k}" for noise in ("trajectory", "step") for k in ("1", "L^0.5")]


def test_no_yardstick_is_measured_against_itself(folder: Path) -> None:
    above, *_, beneath = draw.figure_of("theorem_policies", folder).get_axes()
    assert [label.split(":")[0] for label in above.get_legend_handles_labels()[1]] == ["linear", "softmax", "foresight"]
    assert beneath.get_legend_handles_labels()[1] == ["linear", "softmax", "FTRL, eta of the closed form"]
