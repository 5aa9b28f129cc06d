import pg from 'pg';

/** What is wrong with the server, whichever statement met it. */
export interface ServerState {
  kind: 'full' | 'read-only' | 'away' | 'late';
  /** What was expected of Postgres. */
  expected: string;
  todo: string;
}

/**
 * Explains an SQLSTATE that is about the server's state and not about the statement: no disk space, memory or connection left, read-only,
 * starting or stopping, or a statement that was canceled.
 *
 * @param url what has the URL of the connection, such as a setting
 * @returns null for any other
 */
export function explainServerState(
  code: string,
  message: string,
  url = 'the URL of this connection',
): ServerState | null {
  switch (code) {
    case '53100':
      return /shared memory/i.test(message)
        ? full('shared memory', 'enlarge /dev/shm on the server (for a container: shm_size)')
        : full('disk space', "the server's disk is full: free some space there, or enlarge it");
    case '53200':
      return /shared memory/i.test(message)
        ? full('shared memory', 'raise max_locks_per_transaction, or end transactions with many locks')
        : full(
            'memory',
            'the server is out of memory: free some there, or lower work_mem or max_connections',
          );
    case '53300':
      return full(
        'connections',
        'close unused ones, or raise max_connections or the limit of this user or database',
      );
    case '53000':
    case '53400':
      return full('capacity', 'raise the limit that is reached, or free what is in use');
    case '25006':
      return {
        kind: 'read-only',
        expected: 'a Postgres that accepts writes',
        todo: `it is read-only (a standby, or default_transaction_read_only is on): point ${url} to the primary, or have an administrator make it writable`,
      };
    case '57P01':
    case '57P02':
    case '57P03':
      return { kind: 'away', expected: 'Postgres to be up', todo: 'it is starting or stopping: wait for it' };
    case '57014':
    case '55P03':
      return {
        kind: 'late',
        expected: 'Postgres to finish a statement in time',
        todo: /user request/i.test(message)
          ? 'somebody canceled it: try again'
          : /statement timeout/i.test(message)
            ? 'see pg_stat_activity for slow statements and held locks; if there are none, the view, a function or a trigger of the queue is too slow'
            : 'see pg_stat_activity for slow statements and held locks',
      };
    default:
      return null;
  }
}

const full = (what: string, todo: string): ServerState => ({
  kind: 'full',
  expected: `a Postgres with free ${what}`,
  todo,
});

/** {@link explainServerState} for anything thrown, or its cause, and what Postgres said. */
export function findServerState(error: unknown): (ServerState & { message: string }) | null {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (!(each instanceof pg.DatabaseError)) continue;
    const state = explainServerState(each.code ?? '', each.message);
    return state && { ...state, message: each.message };
  }
  return null;
}

/** {@link explainServerState} for an error of which only a text is on record: by its SQLSTATE, if that is in it. */
export function explainRecordedState(text: string): ServerState | null {
  const [, code] = /\(SQLSTATE (\w{5})\)/.exec(text) ?? [];
  return explainServerState(code ?? (text.includes('No space left on device') ? '53100' : ''), text);
}
