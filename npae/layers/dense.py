"""The dense (fully connected) layer: every output is a weighted sum of all inputs.

With a batch x of shape (B, n_in), weights W (n_in, n_out) and a bias row b (n_out,):

    y = x W + b                  y_ij = Σ_k x_ik W_kj + b_j

The chain rule, coordinate by coordinate, with dy for ∂J/∂y:

    ∂J/∂W_kj = Σ_i ∂J/∂y_ij · ∂y_ij/∂W_kj = Σ_i dy_ij x_ik          ∂J/∂W = xᵀ dy
    ∂J/∂b_j  = Σ_i dy_ij                                            ∂J/∂b = Σ_i dy_i
    ∂J/∂x_ik = Σ_j dy_ij W_kj                                       ∂J/∂x = dy Wᵀ

Goodfellow, Bengio & Courville 2016, "Deep Learning", section 6.5.4, algorithm 6.4.
"""

from npae.backend import as_int, elementwise, empty, matmul, ones
from npae.layers import initializers
from npae.layers.base import Layer, check_input, check_shape
from npae.layers.parameters import Parameter

FLATTEN = "Images are flattened first: layers.Flatten()."


@elementwise(out=("y",))
def _add_row(y, b):
    return y + b


class Affine(Layer):
    """A product with weights plus a bias row b: y = product(x) + b. A new one sets b and defines product and backward.

    The cache is x. Inside a Sequential an activation that follows takes product(x) and adds b in its own sweep.
    """

    def product(self, x):
        """The product of x with the weights, in a new array."""
        raise NotImplementedError

    def forward(self, x, training=False):
        """y = product(x) + b. The cache is x."""
        y = self.product(x)
        return _add_row(y, self.b.value, out=y), x

    def add_bias_gradient(self, dy):
        """∂J/∂b += Σ_i dy_i = 1ᵀ dy: a product is the faster sum."""
        self.b.add_grad(matmul, ones(len(dy), dy), dy)


class Dense(Affine):
    """y = x W + b, from (batch, n_in) to (batch, n_out).

    initializer: of W, by name or as a function (rng, shape), see npae.layers.initializers. By default, inside a Sequential,
    he_uniform where a rectifier follows (behind transparent layers too), and glorot_uniform elsewhere. b starts at
    zero. A model file keeps an initializer's name, or nothing for a function of your own (the weights themselves it
    keeps).
    """

    def __init__(self, n_in, n_out, initializer=None):
        self.n_in, self.n_out = as_int(n_in, "n_in of Dense"), as_int(n_out, "n_out of Dense")
        if min(n_in, n_out) < 1:
            raise ValueError(f"{self!r}: expected at least one input and one output.")
        self.initializer = initializer
        self.W = Parameter("W", (self.n_in, self.n_out), initializers.get(initializer or "glorot_uniform"))
        self.b = Parameter("b", (self.n_out,), initializers.zeros)
        self.parameters = (self.W, self.b)

    def feeds(self, following):
        if self.initializer is None and getattr(following, "rectifies", False):
            self.W.initializer = initializers.he_uniform

    def product(self, x):
        """x W, in a new array."""
        W = self.W.value
        check_input(self, x, (self.n_in,), W, FLATTEN)
        return matmul(x, W, out=empty((len(x), self.n_out), x))

    def backward(self, dy, x, needs_dx=True):
        """∂J/∂W += xᵀ dy,  ∂J/∂b += Σ_i dy_i;  returns ∂J/∂x = dy Wᵀ."""
        self.W.add_grad(matmul, x.T, dy)
        self.add_bias_gradient(dy)
        if needs_dx:
            return matmul(dy, self.W.value.T, out=empty(x.shape, x))

    def config(self):
        name = next((n for n, f in initializers.BY_NAME.items() if f is self.W.initializer), None)
        return {"n_in": self.n_in, "n_out": self.n_out, "initializer": name}

    def out_shape(self, shape):
        check_shape(self, shape, (self.n_in,), FLATTEN)
        return (self.n_out,)

    def __repr__(self):
        return f"Dense({self.n_in} -> {self.n_out})"
