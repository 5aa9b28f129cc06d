import { parse as parseDatabaseUrl, toClientConfig } from 'pg-connection-string';
import { z } from 'zod';
import { isRepoName, REPO_NAME_RULE } from './leases/names.js';

/** `true` or `false`. */
export const flag = z
  .enum(['true', 'false'], { error: 'expected true or false' })
  .transform((value) => value === 'true');

const DATABASE_URL_FORM = 'postgres://user:password@host:port/database';

/** What the client knows. It does not reject any other word: it uses TLS, or none. */
export const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/**
 * Why a URL could be read in two ways, or null. If an `@`, `/`, `?` or `#` in a password is not percent-encoded, the rest of the password
 * becomes the host, the database or a parameter, and those are printed. The message quotes nothing.
 */
export function whyAmbiguous(url: string): string | null {
  const rest = url.replace(/^[a-z]+:\/\//, '');
  const end = rest.search(/[/?#]/);
  const authority = end === -1 ? rest : rest.slice(0, end);
  if (authority.split('@').length > 2 || rest.slice(authority.length).includes('@') || rest.includes('#'))
    return `expected a URL ${DATABASE_URL_FORM} in which each @, /, ? and # of a name or password is percent-encoded (%40, %2F, %3F, %23)`;
  if (authority.slice(authority.indexOf('@') + 1).includes(','))
    return 'expected one host, got several: name the one that accepts writes, or a proxy that finds it';
  return null;
}

/** A URL that the client can read, with all files it names. Otherwise the worker would think that Postgres is down, and keep retrying. */
export const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, { error: `expected a URL ${DATABASE_URL_FORM}`, abort: true })
  .superRefine((url, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message });
    const ambiguous = whyAmbiguous(url);
    if (ambiguous !== null) {
      refuse(ambiguous);
      return;
    }
    try {
      const parsed = parseDatabaseUrl(url);
      toClientConfig(parsed);
      const { ssl, sslmode, sslnegotiation = 'postgres' } = parsed;
      if (sslmode && !SSL_MODES.includes(sslmode as string))
        refuse(`expected an sslmode of ${SSL_MODES.join(', ')}`);
      if (ssl && typeof ssl === 'string' && ssl !== 'no-verify')
        refuse('expected an ssl of true, 1, 0 or no-verify');
      if (!['postgres', 'direct'].includes(sslnegotiation))
        refuse('expected an sslnegotiation of postgres or direct');
    } catch (error) {
      // Quote only errors about files: anything else that the client found in the URL may be part of the password.
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' ? message : 'it is malformed';
      refuse(`expected a URL ${DATABASE_URL_FORM} that can be read (${why})`);
    }
  });

/** `http://…` or `https://…`. */
export const webUrl = z
  .string()
  .refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), 'expected a URL http://… or https://…');

/** A year. With far more, a timer would end after the last date that the server knows. */
const MAX_S = 365 * 24 * 3600;

const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** Reads `15`, `0.5` and `1e3`. JavaScript alone would also accept `0x10`. */
export function decimal<T extends z.ZodType>(schema: T) {
  return z.preprocess(
    (text) => (typeof text === 'string' && DECIMAL.test(text) ? Number(text) : text),
    schema,
  );
}

/** A number of seconds: at least `minimum`, at most a year. */
export function seconds(minimum: number) {
  return z
    .number({ error: 'expected a number of seconds' })
    .min(minimum, `expected at least ${minimum} seconds`)
    .max(MAX_S, `expected at most ${MAX_S} seconds (a year)`);
}

/** A whole number, at least `minimum`. */
export function count(minimum: number) {
  return z
    .number({ error: 'expected a whole number' })
    .int('expected a whole number')
    .min(minimum, `expected at least ${minimum}`);
}

/** `9464` and `:9464` listen on loopback; any other address must be given. */
export const adminAddress = z
  .string()
  .regex(
    /^((\[[0-9a-fA-F:]+\]|[^:[\]]*):)?\d{1,5}$/,
    'expected <port> (on 127.0.0.1), <address>:<port> or [<IPv6 address>]:<port>',
  )
  .transform((text) => {
    const [, host = '', port = ''] = /^(?:(.*):)?(\d+)$/.exec(text) ?? [];
    return { host: host.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(port) };
  })
  .refine(({ port }) => port <= 65_535, 'expected a port of at most 65535');

/** Comma-separated names, without duplicates; blanks are ignored. */
export const repos = z
  .string()
  .transform((text) => [...new Set(text.split(',').flatMap((name) => name.trim() || []))])
  .refine((names) => names.every(isRepoName), `expected comma-separated names of ${REPO_NAME_RULE}`);
