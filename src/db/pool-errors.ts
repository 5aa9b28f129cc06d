/** Thrown for a statement that neither Postgres nor the network ended in time. Its connection is discarded. */
export class SilentConnectionError extends Error {
  override name = 'SilentConnectionError';
  readonly code = 'ETIMEDOUT';

  constructor(
    readonly limitMs: number,
    /** The statement, without values. */
    readonly statement: string,
  ) {
    super(`no answer within ${limitMs / 1000} s to "${statement}", so the connection was closed`);
  }
}

/** Thrown if all connections of a pool stay in use. */
export class PoolBusyError extends Error {
  override name = 'PoolBusyError';

  constructor(
    readonly pool: string,
    max: number,
    limitMs: number,
  ) {
    super(`all ${max} connections of "${pool}" were in use for ${limitMs / 1000} s`);
  }
}
