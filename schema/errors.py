"""Every error that GroundCT raises on purpose. Each message is one line that says what to do next.

GroundctError
├── SettingsError (ValueError)          a setting cannot be used
├── ServerError (RuntimeError)          PostgreSQL cannot be started, reached or used
│   └── WrongMajorVersion               the data folder belongs to another major version
├── NotMigrated (RuntimeError)          the database's schema is not the one this software needs
├── ArrayStoreError (OSError)           the array store cannot be read or written
│   └── ArrayCorrupt                    stored bytes do not give the digest they are filed under
├── NotFound (LookupError)              a name or an id that is not in the database
├── TokenError (ValueError)             a token cannot be made as it is asked for
├── NotPermitted (PermissionError)      who asks may not change anything over the network
├── Frozen (ValueError)                 a change of what never changes, or not so
├── SourceError (ValueError)            an input file as a whole cannot be used
└── ModelError (RuntimeError)           an embedding or language model cannot be used
    ├── StageFailed                     a stage of the report pipeline got no answer of its type
    └── RunStopped                      credit, a limit or the budget ended a run of the report pipeline
"""


class GroundctError(Exception):
    """The root of them all; the command line prints its message and exits, without a traceback."""


class SettingsError(GroundctError, ValueError):
    """A setting cannot be used as it is given; change it in the environment or in `.env`."""


class ServerError(GroundctError, RuntimeError):
    """PostgreSQL cannot be started, reached or used; the message holds the remedy."""


class WrongMajorVersion(ServerError):
    """The data folder was made by another major version of PostgreSQL; back it up there and restore it here."""


class NotMigrated(GroundctError, RuntimeError):
    """The database's schema is older or newer than this software; run `groundct migrate`."""


class ArrayStoreError(GroundctError, OSError):
    """The array store cannot be read or written; look at GROUNDCT_ARRAYS, its permissions and free space."""


class ArrayCorrupt(ArrayStoreError):
    """Stored bytes do not give the digest they are filed under; restore the array from a backup or import it again."""


class NotFound(GroundctError, LookupError):
    """A name or an id that is not in the database."""


class TokenError(GroundctError, ValueError):
    """A token cannot be made as it is asked for; the message says how it can."""


class NotPermitted(GroundctError, PermissionError):
    """Who asks may not change anything over the network; the message says what is needed."""


class Frozen(GroundctError, ValueError):
    """The database refuses to change what never changes, or not so; the message is the database's."""


class SourceError(GroundctError, ValueError):
    """An input file as a whole cannot be used; nothing of it was imported."""


class ModelError(GroundctError, RuntimeError):
    """An embedding or language model cannot be used; look at GROUNDCT_EMBEDDING_MODEL and the model's folder."""


class StageFailed(ModelError):
    """A stage of the report pipeline got no answer that is of its type; run the same again to ask again."""


class RunStopped(ModelError):
    """Credit, a limit or the budget ended a run; what was answered is kept, the same command goes on from there."""
