import type { Migration } from '../migrate.ts'

/**
 * A commit touches few pages: what repeats is kept once, and what can be told from the events themselves (where those of a session
 * are, how many there are, which exchanges are open) is brought up to date after many of them. Until then the views add it.
 */
export const folding: Migration = {
  version: 6,
  name: 'folding',
  sql: `
    -- Decisions that many events share: the column of an event holds a decision, or the number of one of these.
    CREATE TABLE decision (n INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, text TEXT NOT NULL) STRICT;

    CREATE TABLE event_place (
      session INTEGER NOT NULL REFERENCES session (n) ON DELETE CASCADE,
      seq INTEGER NOT NULL,
      event INTEGER NOT NULL,
      PRIMARY KEY (session, seq)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO event_place (session, seq, event) SELECT session, seq, n FROM event ORDER BY session, seq;
    DROP INDEX event_in_session;

    -- The first event of this writer that is not folded; null where all are.
    ALTER TABLE writer_mark ADD COLUMN unfolded_from INTEGER;

    -- Not indexed: SQLite would read all events for an index of its own.
    CREATE VIEW unfolded AS
      SELECT w.writer, e.n, e.session, e.seq, e.exchange, e.direction, e.kind, e.outcome, e.decision, e.closes
      FROM writer_mark AS w CROSS JOIN event AS e NOT INDEXED ON e.n >= w.unfolded_from CROSS JOIN session AS s ON s.n = e.session AND s.writer = w.writer;

    CREATE VIEW unfolded_count AS
      SELECT u.writer, u.session, count(*) AS events,
        count(*) FILTER (WHERE coalesce(d.kind, u.decision ->> 'kind') = 'deny') AS denied,
        count(*) FILTER (WHERE coalesce(d.kind, u.decision ->> 'kind') = 'mask') AS masked,
        count(*) FILTER (WHERE coalesce(d.kind, u.decision ->> 'kind') = 'require_approval') AS approvals
      FROM unfolded AS u LEFT JOIN decision AS d ON d.n = CAST(u.decision AS INTEGER)
      GROUP BY u.writer, u.session;

    CREATE VIEW event_at AS SELECT session, seq, event FROM event_place UNION ALL SELECT session, seq, n FROM unfolded;

    CREATE VIEW session_counted AS
      SELECT s.n, s.id, s.started_at, s.ended_at, s.actor, s.upstream, s.revision, s.client,
        s.events + coalesce(u.events, 0) AS events, s.denied + coalesce(u.denied, 0) AS denied,
        s.masked + coalesce(u.masked, 0) AS masked, s.approvals + coalesce(u.approvals, 0) AS approvals
      FROM session AS s LEFT JOIN unfolded_count AS u ON u.session = s.n;

    CREATE VIEW event_whole AS
      SELECT e.n, e.session, e.seq, e.at, e.exchange, e.direction, e.kind, e.method, e.call, coalesce(d.text, e.decision) AS decision,
        e.bundle, e.outcome, e.findings, e.message, e.closes, e.basis
      FROM event AS e LEFT JOIN decision AS d ON d.n = CAST(e.decision AS INTEGER);
  `,
}
