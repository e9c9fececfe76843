"""The parts of the site that are made from other files when it is built.

    sources.py      the sources of all pages, in one folder
    files.py        where they are, and how a page is written
    docstrings.py   docstrings as reStructuredText
    mathml.py       formulas without JavaScript
    markdown.py     the Markdown pages of the repository
    reference.py    a page for every public name
    beside.py       formula beside code: a page for every file of the mathematics
    links.py        links between the book, the reference and these pages
    live.py         the live pages
    gallery.py      the demos with their pictures
    assertions.py   the checks of the book, with the errors that they found
    check.py        the built pages load nothing from elsewhere, and their links lead somewhere
"""
