"""Live pages: one HTML file in which a dense autoencoder of grey images can be touched.

In reading order:

    quantize.py     weights of 8 bits, and their error
    formula.py      activations in JavaScript, from their formulas
    steps.py        a network as a list of steps
    contents.py     what a page holds: steps, samples, codes, the plane of the map
    save.py         the file
    browser/        the page's HTML, style and scripts; network.js computes the steps
"""

from npae.export.page.formula import javascript
from npae.export.page.quantize import quantize, quantized
from npae.export.page.save import save_page

__all__ = ["javascript", "quantize", "quantized", "save_page"]
