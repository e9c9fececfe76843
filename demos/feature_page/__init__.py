"""A page of features: one HTML file in which the features of a sparse autoencoder of text can be searched.

save.py       what the file holds, and its text
page.html     its structure; style.css
index.js      the tokens of each feature         search.js     search and order
card.js       a feature                          passage.js    a passage, and the features of a token
start.js      starts
"""

from demos.feature_page.save import save_features

__all__ = ["save_features"]
