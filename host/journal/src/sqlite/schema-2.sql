-- Version 2.

CREATE TABLE components (
    -- Policy components, for as long as there is the journal: what decided can be asked again.
    digest   TEXT PRIMARY KEY,       -- SHA-256 of the bytes, in lower-case hex; events name a component by it
    checksum INTEGER NOT NULL,       -- of the bytes
    bytes    BLOB NOT NULL
) STRICT;
