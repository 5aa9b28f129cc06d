import type { Queryable } from '../database.js';

/** Encodings that can store every character of our SQL: Unicode, and uninterpreted bytes. */
const WHOLE = ['UTF8', 'SQL_ASCII'];

/** The encoding of the database, such as `UTF8` or `LATIN1`. */
export async function readEncoding(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ encoding: string }>(
    `select pg_encoding_to_char(encoding) as encoding from pg_database where datname = current_database()`,
  );
  return rows[0]?.encoding ?? 'UTF8';
}

/** Fits our SQL to a database's encoding. The only characters beyond ASCII are the symbols before the text of an alert. */
export function fitEncoding(sql: string, encoding: string): string {
  return WHOLE.includes(encoding) ? sql : sql.replaceAll(/[^\p{ASCII}]+ ?/gu, '');
}
