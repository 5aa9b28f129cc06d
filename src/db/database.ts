import type { QueryResultRow } from 'pg';

/** The rows of a statement. */
export interface QueryRows<Row> {
  rows: Row[];
  rowCount: number | null;
}

/** Runs statements: a pool of connections, or one connection. */
export interface Queryable {
  query<Row extends QueryResultRow = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<QueryRows<Row>>;
}

/** One connection of a {@link Database}, until it is released. */
export interface Connection extends Queryable {
  /** Gives the connection back; closes it if there was an error, or on `true`. */
  release(broken?: Error | boolean): void;
}

/** A database that also hands out single connections. */
export interface Database extends Queryable {
  connect(): Promise<Connection>;
  end(): Promise<void>;
}
