"""The documentation: Markdown pages, the chapters of the book, and the program that makes a site of them."""
