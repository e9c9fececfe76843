"""Settings of Sphinx. `python -m docs` writes the sources into one folder, and calls Sphinx with this file."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import npae  # noqa: E402
from docs.site import assertions, docstrings, links  # noqa: E402

project, author, release = "npae", "npae developers", npae.__version__
copyright = author
extensions = [
    "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "myst_parser", "sphinx_gallery.gen_gallery",
    "docs.site.mathml",
]  # fmt: skip
smartquotes = False
templates_path = [str(ROOT / "docs" / "templates")]
exclude_patterns = ["**/sg_execution_times.rst", "sg_execution_times.rst", "backreferences"]

html_theme = "furo"
html_title = "npae"
html_static_path, html_css_files = ["static"], ["npae.css"]
html_theme_options = {"navigation_with_keys": True}
html_math_renderer = "mathml"
html_show_copyright = html_copy_source = False
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"

autosummary_generate, autosummary_ignore_module_all = True, False
autodoc_member_order, autodoc_typehints, autodoc_preserve_defaults = "bysource", "none", True
add_module_names = False
maximum_signature_line_length = 90
napoleon_numpy_docstring, napoleon_use_rtype, napoleon_use_ivar = False, False, True
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "docs" / "book"),
    "gallery_dirs": "book",
    "filename_pattern": r"/\d\d_\w+\.py$",
    "ignore_pattern": r"__init__\.py",
    "within_subsection_order": "FileNameSortKey",
    "nested_sections": False,
    "backreferences_dir": "backreferences",
    "doc_module": ("npae",),
    "reference_url": {"npae": None},
    "capture_repr": ("_repr_html_",),
    "image_scrapers": ("matplotlib", "docs.site.assertions.record"),
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "parallel": True,
    "plot_gallery": True,
}


def open_this_branch_only(app, page, template, context, doctree):
    """The list of pages beside each page has its neighbours, not all names of the reference."""
    toctree = context.get("toctree")
    if toctree:
        context["toctree"] = lambda **options: toctree(**options | {"collapse": True})


def setup(app):
    """Connect what the site adds to Sphinx."""
    app.connect("autodoc-process-docstring", docstrings.process, priority=400)
    app.connect("autodoc-process-docstring", links.end_of_entry, priority=600)
    app.connect("builder-inited", assertions.write_page, priority=600)  # Sphinx-Gallery runs the chapters at 500
    app.connect("source-read", links.end_of_chapter)
    app.connect("html-page-context", open_this_branch_only, priority=100)
