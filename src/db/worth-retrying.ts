import pg from 'pg';

/**
 * SQLSTATEs after which the same statement may well succeed a moment later: the connection broke, the server stops, starts or is
 * read-only for a while, it has no connection left, or another transaction was in the way.
 */
const PASSING = /^(08|57P0|53300|25006|40001|40P01)/;

/**
 * Whether a statement that failed is worth trying again at once: its connection was lost, or could not be had. What the server
 * answered otherwise it will answer again.
 */
export function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  return PASSING.test(error.code ?? '');
}
