"""The errors a person can cause and mend.

```
ChameleonError
├── ProjectError    the folder or its chameleon.toml cannot be used
├── VersionError    one version cannot be used; the others can
├── ModelError      the classifier named in chameleon.toml cannot be used
└── SelectionError  a version, feature or value asked for does not exist
```
"""

from __future__ import annotations


class ChameleonError(Exception):
    """Anything about the data or its settings that a person can mend."""


class ProjectError(ChameleonError):
    """The project folder or its chameleon.toml cannot be used."""


class VersionError(ChameleonError):
    """One version cannot be used; the other versions can."""


class ModelError(ChameleonError):
    """The classifier or its parameters cannot be used with this data."""


class SelectionError(ChameleonError, ValueError):
    """A version, feature or value was asked for that does not exist."""
