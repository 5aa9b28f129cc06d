import pg from 'pg';

/**
 * SQLSTATEs after which the same statement may well succeed a moment later, since they say nothing of it: the connection broke, the login
 * is refused, its database is not there, the server stops, starts or is read-only for a while, it has no connection, memory or disk left,
 * or another transaction was in the way.
 */
const PASSING = /^(08|28|3D000|57P0|53|25006|40001|40P01)/;

/**
 * Whether a statement that failed is worth trying again at once: its connection was lost, or could not be had. What the server
 * answered otherwise it will answer again, also where an error of ours says more about it and has it as its cause.
 */
export function isWorthRetrying(error: unknown): boolean {
  const answer = error instanceof Error && error.cause instanceof pg.DatabaseError ? error.cause : error;
  if (!(answer instanceof pg.DatabaseError)) return true;
  return PASSING.test(answer.code ?? '');
}
