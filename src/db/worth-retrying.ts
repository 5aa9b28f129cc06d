import pg from 'pg';

/**
 * SQLSTATEs that are not about the statement, so it may succeed a moment later: the connection broke, the login was refused, the database
 * is missing, the server is starting, stopping or read-only, it has no connection, memory or disk left, or another transaction was in the
 * way.
 */
const PASSING = /^(08|28|3D000|57P0|53|25006|40001|40P01)/;

/**
 * Whether a failed statement is worth retrying at once: its connection was lost, or could not be opened. Any other error of the
 * server would come again. That includes errors of ours that have such an error as their cause.
 */
export function isWorthRetrying(error: unknown): boolean {
  const answer = error instanceof Error && error.cause instanceof pg.DatabaseError ? error.cause : error;
  if (!(answer instanceof pg.DatabaseError)) return true;
  return PASSING.test(answer.code ?? '');
}
