-- Version 1. Times are microseconds since 1970-01-01T00:00:00Z; `datetime(at / 1000000, 'unixepoch')` makes them readable.
-- Bytes are in postcard's wire format, of the form that the row of `formats` describes. Checksums are CRC-32.

CREATE TABLE formats (
    -- What events, states and jobs look like as bytes. A version of jobyard that writes another form adds a row.
    id       INTEGER PRIMARY KEY,
    checksum INTEGER NOT NULL,       -- of the shape
    shape    TEXT NOT NULL UNIQUE    -- JSON: the types with their fields and variants, in order
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

CREATE TABLE jobs (
    -- Jobs that have ended and left the live state, until TTLCompletedJobs removes them. Jobs that are configured, queued or
    -- running, and the last that ended, are not here: they are in the events and the snapshots.
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    project    TEXT NOT NULL,
    owner      TEXT NOT NULL,
    state      INTEGER NOT NULL,     -- 128 Finished, 256 Failed, 512 Canceled
    status     INTEGER AS (CASE state WHEN 128 THEN 3 WHEN 256 THEN 4 WHEN 512 THEN 5 END),
    priority   INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    submitted  INTEGER,              -- last
    started    INTEGER,              -- last
    ended      INTEGER NOT NULL,
    error      TEXT NOT NULL,        -- what went wrong, or what the one who ended it said
    error_code INTEGER,              -- HPC Pack's number
    requeues   INTEGER NOT NULL,
    finished   INTEGER NOT NULL,     -- instances of its tasks
    failed     INTEGER NOT NULL,
    canceled   INTEGER NOT NULL,
    archived   INTEGER NOT NULL,     -- number of the event with which it left the live state
    format     INTEGER NOT NULL,
    checksum   INTEGER NOT NULL,     -- of the columns above and the record
    record     BLOB NOT NULL         -- all of the job
) STRICT;
CREATE INDEX jobs_by_end   ON jobs (ended, id);
CREATE INDEX jobs_by_owner ON jobs (owner, ended, id);
CREATE INDEX jobs_by_state ON jobs (state, ended, id);
CREATE INDEX jobs_by_name  ON jobs (name, ended, id);

CREATE TABLE tasks (
    -- Their tasks; instances are ranges such as 1-5,7, and 0 for a task that has only one.
    job          INTEGER NOT NULL,
    task         INTEGER NOT NULL,   -- from 1, in the order added
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    state        INTEGER NOT NULL,   -- 128 Finished, 256 Failed, 512 Canceled
    command_line TEXT NOT NULL,
    finished     TEXT NOT NULL,
    failed       TEXT NOT NULL,
    canceled     TEXT NOT NULL,
    exit_code    INTEGER,            -- where all instances left the same
    error        TEXT NOT NULL,      -- the last that a node reported
    PRIMARY KEY (job, task)
) STRICT, WITHOUT ROWID;
