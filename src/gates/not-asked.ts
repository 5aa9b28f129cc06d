import { messageOf } from '../domain/trouble.js';

/**
 * A gate could not be asked: nothing is known about the work, so the gate is neither green nor red, and is asked again
 * later. A gate function throws this when a server that it needs is down.
 */
export class GateNotAsked extends Error {
  override name = 'GateNotAsked';
}

/** Error codes when a program cannot be started, or a file cannot be opened, because this machine is out of a resource. */
const OUT_OF_RESOURCES = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'ETXTBSY'];

/** Error codes of network services that do not answer now, including those of Node's `fetch`. */
const AWAY = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTCONN',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
];

/** Error codes of files that exist, or may exist, but cannot be read now. */
const UNREADABLE = ['EIO', 'ESTALE', 'EACCES', 'EPERM'];

/** Signals with which something outside ends a process: an operator, a service manager, the kernel when out of memory. */
const FROM_OUTSIDE: readonly (NodeJS.Signals | null)[] = [
  'SIGTERM',
  'SIGKILL',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
];

/** How deep to follow causes: an error may be its own cause. */
const DEPTH = 5;

/** Whether this machine was out of a resource: processes, memory, open files. */
export function isOutOfResources(error: unknown): boolean {
  return hasCode(error, OUT_OF_RESOURCES);
}

/** Whether a function's error, or any of its causes, says that a server is down or unreachable. */
export function isAway(error: unknown): boolean {
  return hasCode(error, [...AWAY, ...OUT_OF_RESOURCES]);
}

/** Whether the error leaves open whether the file exists. */
export function isUnreadable(error: unknown): boolean {
  return hasCode(error, [...UNREADABLE, ...AWAY, ...OUT_OF_RESOURCES]);
}

/** Whether something outside ended a program before it could answer. */
export function wasEndedFromOutside(endedBy: NodeJS.Signals | null): boolean {
  return endedBy !== null && FROM_OUTSIDE.includes(endedBy);
}

/** An error as the reason why a gate could not be asked. Adds the code of a cause: `fetch` gives the reason only there. */
export function notAsked(what: string, error: unknown): GateNotAsked {
  const message = messageOf(error);
  const [code] = codesOf(error);
  const hint = code === undefined || message.includes(code) ? '' : ` (${code})`;
  return new GateNotAsked(`${what}: ${message}${hint}`, { cause: error });
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return codesOf(error).some((code) => codes.includes(code));
}

/** The codes of an error, its causes and its parts, from the outside in. */
function codesOf(error: unknown, depth = DEPTH): string[] {
  if (!(error instanceof Error) || depth === 0) return [];
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  const parts: unknown[] = error instanceof AggregateError ? error.errors : [];
  return [
    ...(typeof code === 'string' ? [code] : []),
    ...[cause, ...parts].flatMap((part) => codesOf(part, depth - 1)),
  ];
}
