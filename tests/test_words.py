"""Plain words: figures of speech that no textbook uses, and symbols with a second meaning, stay out of the package.

`python tests/test_words.py` prints what it finds, one line each.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("npae", "demos", "benchmarks", "docs", "README.md")

# (pattern, what to write instead); patterns ignore case
WORDS = (
    (r"\b(speaks?|speaking|spoke)\b", "is active, is non-zero"),
    (r"\bsilent (units?|ones?)\b|\bunits?\b.{0,20}\bsilent\b|\bsilenc(es|ed|ing)\b|\bto silence\b",
     "zero, set to zero, dropped"),
    (r"\b(pays?|paid|paying)\b(?! off)", "its loss is; is worth it"),
    (r"\bheld fast\b|\bholds? fast\b", "fixed, frozen"),
    (r"\bhears?\b|\bheard\b", "receives as input"),
    (r"\b(no|some|any)body\b|\bwho ?ever\b", "the passive voice, or the name of the class"),
    (r"\bopinions?\b", "logit"),
    (r"\bsigns? of life\b", "diagnostics"),
    (r"\btell_apart\b|\btold apart\b|\bto tell\b.{0,20}\bapart\b", "discriminates, separates"),
    (r"\bfool(s|ed|ing)?\b", "the generator's loss"),
    (r"\bdrawn? (from|of) nothing\b|\bout of nothing\b", "samples, generated"),
    (r"\basked for more\b", "regularised"),
    (r"\b(that|which|who|what) (is|are) (none\b|no (?!(longer|more|less|better|worse|\w+er)\b))", "not a …"),
    (r"\b(codes?|units?|kernels?|networks?|layers?)\b.{0,15}\banswer(s|ed|ing)?\b", "respond to, depend on"),
    (r"\ba new one (defines|sets|has|gives)\b|, which a new one\b", "subclasses implement"),
    (r"\b(the|this) house\b", "the package"),
    # "a" where "per" is meant
    (
        r"\b(nats?|bits?|errors?|ms|µs|seconds|minutes|hours|numbers?|values?|rows?|pixels|steps|uploads?|additions)"
        r" an? (pixel|image|digit|sample|row|step|epoch|batch|unit|layer|channel|class|file|run|second|minute|piece"
        r"|place|parameter|core|thread|worker|element|call|code)\b",
        "per",
    ),
    (
        r"\bone (?!(as|at|behind|by|for|from|has|in|is|of|on|or|than|that|to|was|where|which|with)\b)\w+ an? \w+",
        "one … per …",
    ),
    # J is the objective; a Jacobian is A or ∂y/∂x
    (r"(?-i:\bJ_([ij]|[ijk]{2})\b|\bJ\w{0,2}ᵀ|‖J)", "A, or ∂y/∂x"),
)  # fmt: skip

# z is the latent code of a variational or adversarial model (and a normal number from which one is made)
Z = (r"(?-i:(?<![^\W_])d?z(?![^\W_₀-₉ᵢⱼₖₗ]))", "logits or a for outputs, h for codes, ε for noise")
Z_MAY_STAND_IN = (
    "npae/models/variational/", "npae/models/adversarial/", "npae/models/latent/", "npae/layers/sampling.py",
    "npae/penalties/gaussian_kl.py", "npae/losses/gaussian.py", "npae/__init__.py",
    "demos/vae.py", "demos/conv_vae.py", "demos/frey.py", "demos/gan.py",
    "demos/aae.py", "demos/semi_supervised.py", "demos/faces.py", "demos/interpolation.py", "docs/notation.md",
    "demos/from_scratch/", "README.md", "npae/export/onnx_graph/model.py", "npae/export/onnx_graph/parts.py",
    "docs/export.md", "docs/book/12_variational.py", "docs/book/13_likelihood.py", "docs/book/14_adversarial.py",
)  # fmt: skip


def files():
    """Every text that the rules hold for, as paths from the root: all but what benchmarks have printed."""
    for place in PLACES:
        path = ROOT / place
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in (".py", ".md"))
        yield from (p.relative_to(ROOT).as_posix() for p in found if p.parent.name != "results" or p.name == "NOTES.md")


def findings(file, text):
    """["file:line: text   (what to write instead)"] of every line in `text` that breaks a rule."""
    rules = WORDS if file.startswith(Z_MAY_STAND_IN) else (*WORDS, Z)
    return [
        f"{file}:{number}: {line.strip()}   ({found[0]!r}: {instead})"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern, instead in rules
        if (found := re.search(pattern, line, re.IGNORECASE))
    ]


def all_findings():
    """The findings of all files."""
    return [f for file in files() for f in findings(file, (ROOT / file).read_text(encoding="utf-8"))]


def test_the_package_uses_the_words_of_the_field():
    found = all_findings()
    assert not found, "\n" + "\n".join(found)


def test_private_words_would_be_found():
    planted = (
        "25 units speak", "a unit is silent", "what a discriminator pays", "is held fast", "the next layer hears",
        "nobody can tell", "whoever calls it", "its opinion", "signs of life", "to tell them apart", "to fool it",
        "drawn from nothing", "asked for more than a copy", "a prior that is none", "the code does not answer",
        "A new one defines forward", "nats a pixel", "squared error an image", "one thread a piece",
        "J_ij", "(Jᵀ v)", "J₁ᵀ", "what is no pair",
        "‖J‖", "z = W x", "dz, x", "z_i",
    )  # fmt: skip
    assert [text for text in planted if not findings("npae/layers/dense.py", text)] == []


def test_good_words_stay():
    good = (
        "nats per pixel", "the numbers of a pixel", "one of a kind", "in a batch", "J(θ)", "∂J/∂θ", "size", "np.zeros",
        "one is a layer", "zip", "J_D", "lazy", "dict", "one per image", "a silent error", "J_k", "no larger", "ℤ",
    )  # fmt: skip
    assert [found for text in good for found in findings("npae/layers/dense.py", text)] == []
    assert findings("npae/layers/sampling.py", "z = μ + σ ε") == []


if __name__ == "__main__":
    print(*all_findings(), sep="\n")
