"""How a class gets a name that a model file can use.

Layers, losses, penalties, optimizers and schedules are families. A subclass enters its family's `registry` by being
defined, and says in `config()` with which arguments it is built again; npae.serialization.architecture does the rest.
"""


class Serializable:
    """Base of the families; each has a `registry` of its own: {class name: class}."""

    registry = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "registry" in cls.__dict__:  # the head of a family, which nobody builds
            return
        before = cls.registry.get(cls.__name__)
        if before is not None and before.__module__.startswith("npae.") and cls.__module__ != before.__module__:
            raise TypeError(
                f"npae has a class {cls.__name__} already, and model files know classes by name: "
                f"give {cls.__module__}.{cls.__name__} another name."
            )
        cls.registry[cls.__name__] = cls

    def config(self):
        """The keyword arguments that build this object again: JSON values, or other described objects."""
        return {}

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.config().items())})"
