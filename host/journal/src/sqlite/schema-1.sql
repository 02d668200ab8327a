-- Version 1. Times are microseconds since 1970-01-01T00:00:00Z; `datetime(at / 1000000, 'unixepoch')` makes them readable.
-- Bytes are in postcard's wire format, of the form that the row of `formats` describes. Checksums are CRC-32.

CREATE TABLE formats (
    -- What events, states and jobs look like as bytes. A version of jobyard that writes another form adds a row.
    id      INTEGER PRIMARY KEY,
    shape   TEXT NOT NULL UNIQUE     -- JSON: the types with their fields and variants, in order
) STRICT;

CREATE TABLE batches (
    -- Every event, in order: one row for what was made durable together.
    first    INTEGER PRIMARY KEY,    -- number of the first event, from 1, without gaps
    last     INTEGER NOT NULL,       -- number of the last event
    at       INTEGER NOT NULL,       -- time of the last event
    format   INTEGER NOT NULL,
    checksum INTEGER NOT NULL,       -- of the checksum before, the columns above and the events
    events   BLOB NOT NULL           -- `jobyard journal dump` shows them as JSON
) STRICT;

CREATE TABLE head (
    -- One row: where the journal ends, and where it begins after a compaction.
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    last            INTEGER NOT NULL,   -- number of the last event
    checksum        INTEGER NOT NULL,   -- that of the last batch
    before          INTEGER NOT NULL,   -- number of the event before the oldest that is kept
    before_checksum INTEGER NOT NULL    -- that of the batch which ended there
) STRICT;
INSERT INTO head VALUES (1, 0, 0, 0, 0);

CREATE TABLE snapshots (
    -- The whole state after an event, so that a restart need not read everything. Whole once it is listed here.
    at       INTEGER PRIMARY KEY,    -- number of the event
    taken    INTEGER NOT NULL,       -- time of that event
    format   INTEGER NOT NULL,
    parts    INTEGER NOT NULL,       -- how many rows of `snapshot_parts`
    bytes    INTEGER NOT NULL,       -- their length together
    checksum INTEGER NOT NULL        -- of the columns above and the parts
) STRICT;

CREATE TABLE snapshot_parts (
    at    INTEGER NOT NULL,
    part  INTEGER NOT NULL,          -- from 0
    state BLOB NOT NULL,
    PRIMARY KEY (at, part)
) STRICT;
