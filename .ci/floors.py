"""Print the lowest versions that setup.cfg admits, as constraints for pip: numpy==2.0, …

Tools that only check the source (ruff, basedpyright) are left as they are. pyparsing is older than its deprecation of
names that matplotlib 3.9 uses, since the tests treat warnings as errors.
"""

import configparser
import re

TOOLS = ("ruff", "basedpyright")

setup = configparser.ConfigParser()
setup.read("setup.cfg", encoding="utf-8")
wanted = setup["options"]["install_requires"] + setup["options.extras_require"]["test"]
floors = dict(re.findall(r"^([\w-]+)>=([\d.]+)$", wanted, re.MULTILINE))
print("\n".join(f"{name}=={version}" for name, version in floors.items() if name not in TOOLS))
print("pyparsing<3.3")
