import type { Queryable } from '../database.js';

/** Encodings in which every character of our SQL is stored as it is: Unicode, and bytes as they come. */
const WHOLE = ['UTF8', 'SQL_ASCII'];

/** The encoding of the database, such as `UTF8` or `LATIN1`. */
export async function readEncoding(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ encoding: string }>(
    `select pg_encoding_to_char(encoding) as encoding from pg_database where datname = current_database()`,
  );
  return rows[0]?.encoding ?? 'UTF8';
}

/** SQL of ours as a database of an encoding can store it: what is not ASCII are signs before the text of an alert. */
export function fitEncoding(sql: string, encoding: string): string {
  return WHOLE.includes(encoding) ? sql : sql.replaceAll(/[^\p{ASCII}]+ ?/gu, '');
}
