"""How much a code answers to its input: the length of the encoder's Jacobian, measured and not derived.

    ‖J_i‖²_F = Σ_j ‖∂h_ij/∂x_i‖²,     1/B Σ_i ‖J_i‖_F

A backward pass gives Jᵀ dh for any dh that it is handed. With dh a one at unit j and zeros elsewhere, that is row j of
J, for all samples at once, since no sample depends on another. So it takes as many backward passes as there are code
units, through any encoder, however deep. (Contractive has a closed form, for one layer.)

Rifai et al. 2011 compare autoencoders by it, in their table 1.
"""

from npae.backend import array_module, rows


def jacobian_norm(model, x):
    """The mean over the batch of ‖∂h_i/∂x_i‖_F, a float: h the codes, as in inference.

    model: an Autoencoder; x: a batch as its encoder takes it (floats, on its device). Its gradients are left as they
    were.
    """
    before = model.theta.grad.copy()
    h, cache = model.encoder.forward(x)
    xp = array_module(h)
    squares = xp.zeros(len(x), h.dtype)
    for j in range(rows(h).shape[1]):
        dh = xp.zeros(h.shape, h.dtype)
        rows(dh)[:, j] = 1
        squares += (rows(model.encoder.backward(dh, cache)) ** 2).sum(axis=1)
    model.theta.grad[...] = before
    return float(xp.sqrt(squares).mean())
