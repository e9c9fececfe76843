"""Formulas become MathML: accents with indices, environments, and commands that docutils knows by another name."""

import re

import pytest

pytest.importorskip("sphinx")
from docutils.utils.math.latex2mathml import tex2mathml

from docs.site.mathml import respelled


def mathml(latex):
    return re.sub(r"\s+", "", tex2mathml(respelled(latex), as_block=True))


@pytest.mark.parametrize("accent", [
    r"\hat x_i", r"\hat{x}_i", r"\tilde\mu_i", r"\overline{ab}_i", r"\hat{\mathbf{x}}_i", r"\hat\mathbf{x}_i",
])  # fmt: skip
def test_the_index_of_an_accented_letter_is_an_index(accent):
    assert "<msub>" in mathml(accent) and "munder" not in mathml(accent)


@pytest.mark.parametrize("latex", [
    r"a_1, \dots, a_n", r"\bm{x}", r"\big( x \big)", r"a \stackrel{!}{=} b", r"p \iff q", r"\textbf{x}",
    r"\begin{split} a &= b \\ c &= d \end{split}", r"\begin{align*} a &= b \\ c &= d \end{align*}",
    r"\begin{cases} 1 & a > 0 \\ 0 & \text{otherwise} \end{cases}", r"\frac{\partial J}{\partial W_{kj}}",
    r"\mathbb{E}_q\left[\ln p(x \mid z)\right] - \operatorname{KL}(q \,\|\, p)", r"\lVert \hat x - x \rVert^2",
])  # fmt: skip
def test_the_formulas_of_a_textbook_are_translated(latex):
    assert mathml(latex).startswith("<math")


def test_an_aligned_formula_has_a_row_per_line():
    assert mathml(r"\begin{align} a &= b \\ c &= d \end{align}").count("<mtr>") == 2
