"""The command line: what is in a model file, and what npae runs with.

    python -m npae info model.npz       the network, the run and the data in a file of save, Checkpoint or save_detector
    python -m npae config               versions, BLAS, threads, GPU
    python -m npae --version            the version of npae
"""

import sys

from npae.backend import CommandParser, command_line, fit_text, show_config
from npae.serialization.info import file_info
from npae.version import __version__


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0; 1 if a file cannot be read; 2 without a command.

    Args:
        argv: the arguments; by default those of the program.
    """
    about = "What is in a model file, and what npae runs with."
    parser = CommandParser(prog="python -m npae", description=about)
    parser.add_argument("--version", action="version", version=f"npae {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    info = commands.add_parser("info", help="print what is in model files")
    info.add_argument("paths", nargs="+", metavar="FILE", help="a file of save, Checkpoint or save_detector")
    commands.add_parser("config", help="print versions, BLAS, threads and the GPU")
    a = parser.parse_args(argv)
    if a.command == "config":
        show_config()
        return 0
    if a.command is None:
        parser.print_help(sys.stderr)
        return 2
    failed = 0
    for path in a.paths:
        try:
            print(file_info(path))
        except (OSError, ValueError) as error:
            print(fit_text(f"npae info: {error}"), file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    with command_line():
        sys.exit(main())
