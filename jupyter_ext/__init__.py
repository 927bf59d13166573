"""What runs in JupyterHub and in single-user servers. Speaks HTTP to the tool, imports none of it.

Whoever imports it first starts three seconds sooner: jsonschema, which Jupyter's parts use, would build a grammar of
internationalised addresses as soon as it is imported. It does without where it is not installed, and no schema asks.
"""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_modules.setdefault("rfc3987_syntax", None)
