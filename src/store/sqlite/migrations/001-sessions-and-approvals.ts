import type { Migration } from '../migrate.ts'

export const sessionsAndApprovals: Migration = {
  version: 1,
  name: 'sessions and approvals',
  sql: `
    CREATE TABLE session (
      n INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      started_at INTEGER NOT NULL,
      ended_at INTEGER,
      actor TEXT NOT NULL,
      upstream TEXT NOT NULL,
      revision TEXT NOT NULL,
      client TEXT NOT NULL,
      events INTEGER NOT NULL DEFAULT 0,
      denied INTEGER NOT NULL DEFAULT 0,
      masked INTEGER NOT NULL DEFAULT 0,
      approvals INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX session_by_start ON session (started_at, n);
    CREATE INDEX session_open ON session (n) WHERE ended_at IS NULL;

    CREATE TABLE session_term (
      term TEXT NOT NULL,
      started_at INTEGER NOT NULL,
      session INTEGER NOT NULL REFERENCES session (n) ON DELETE CASCADE,
      PRIMARY KEY (term, started_at, session)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_term_of ON session_term (session);

    CREATE TABLE event (
      n INTEGER PRIMARY KEY,
      session INTEGER NOT NULL REFERENCES session (n) ON DELETE CASCADE,
      seq INTEGER NOT NULL,
      at INTEGER NOT NULL,
      exchange TEXT NOT NULL,
      direction TEXT NOT NULL,
      kind TEXT NOT NULL,
      method TEXT NOT NULL,
      call TEXT,
      decision TEXT NOT NULL,
      bundle TEXT NOT NULL,
      outcome TEXT NOT NULL,
      findings TEXT NOT NULL,
      message TEXT NOT NULL,
      closes INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX event_in_session ON event (session, seq);

    CREATE TABLE open_exchange (
      exchange TEXT PRIMARY KEY,
      event INTEGER NOT NULL,
      direction TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE approval (
      n INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      state TEXT NOT NULL CHECK (state IN ('pending', 'granted', 'refused', 'expired', 'withdrawn', 'executed', 'void')),
      issuer TEXT NOT NULL,
      subject TEXT NOT NULL,
      requester TEXT NOT NULL,
      upstream TEXT NOT NULL,
      session TEXT NOT NULL,
      exchange TEXT NOT NULL,
      call TEXT NOT NULL,
      method TEXT NOT NULL,
      reasons TEXT NOT NULL,
      risk REAL NOT NULL,
      requirements TEXT NOT NULL,
      carried TEXT NOT NULL,
      answers TEXT NOT NULL,
      answer_count INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      decided_at INTEGER,
      ended_at INTEGER,
      digest TEXT NOT NULL,
      definition_sha256 TEXT,
      sealed_params BLOB
    ) STRICT;
    CREATE INDEX approval_by_state ON approval (state, n);
    CREATE INDEX approval_open ON approval (digest, issuer, subject, upstream) WHERE state IN ('pending', 'granted');
    CREATE INDEX approval_expiry ON approval (expires_at) WHERE state IN ('pending', 'granted');

    -- The last batch that lasted: settles what is owed to callers when the writer dies between commit and answer.
    CREATE TABLE writer_mark (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      run TEXT NOT NULL,
      op INTEGER NOT NULL,
      faults INTEGER NOT NULL
    ) STRICT;
    INSERT INTO writer_mark (one, run, op, faults) VALUES (1, '', 0, 0);
  `,
}
