import pg from 'pg';
import { didYouMean } from '../../domain/did-you-mean.js';

/** One parameter that an adapter declares: `-- parameter schema = graphile_worker: the schema of graphile-worker's tables` */
export interface Parameter {
  name: string;
  default: string;
  about: string;
}

const DECLARATION = /^-- parameter ([a-z][a-z0-9_]*) = (\S+): (.+)$/gm;
/** Postgres cuts longer identifiers. */
const MAX_LENGTH = 63;

/** The parameters that an adapter's text declares, in its order. */
export function parametersOf(contract: string): Parameter[] {
  return [...contract.matchAll(DECLARATION)].map(([, name = '', given = '', about = '']) => ({
    name,
    default: given,
    about,
  }));
}

/**
 * The values of all parameters of an adapter.
 *
 * @param stored what was given before, for the same adapter
 * @param given what is given now, which comes first
 * @throws if the adapter has no such parameter, or a value cannot be one
 */
export function valuesOf(
  adapter: string,
  contract: string,
  stored: Record<string, string>,
  given: Record<string, string>,
): Record<string, string> {
  const parameters = parametersOf(contract);
  const names = parameters.map(({ name }) => name);
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? 'which has none' : `which has ${names.join(', ')}`;
      throw new Error(
        `Expected a parameter of adapter "${adapter}", ${known}, got "${name}"${didYouMean(name, names)}`,
      );
    }
    if (value.trim() === '' || Buffer.byteLength(value) > MAX_LENGTH || value.includes('\0')) {
      throw new Error(`Expected ${name} to have 1 to ${MAX_LENGTH} bytes, got "${value}"`);
    }
  }
  return Object.fromEntries(
    // A newer version of the adapter may have dropped a stored one.
    parameters.map(({ name, default: other }) => [name, given[name] ?? stored[name] ?? other]),
  );
}

/** Puts the values into an adapter's text: `:"name"` becomes an identifier, `:'name'` a text. Other colons stay as they are. */
export function fillIn(sql: string, values: Record<string, string>): string {
  return sql.replaceAll(/(?<!:):(["'])([a-z][a-z0-9_]*)\1/g, (whole, quote: string, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) return whole;
    return quote === '"' ? pg.escapeIdentifier(value) : pg.escapeLiteral(value);
  });
}
