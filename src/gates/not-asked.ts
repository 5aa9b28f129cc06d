import { messageOf } from '../domain/trouble.js';

/**
 * A gate that could not be asked: nothing is known of the work, so the gate is neither green nor red, and is asked again
 * later. A gate function throws it when whatever it asks is away.
 */
export class GateNotAsked extends Error {
  override name = 'GateNotAsked';
}

/** Codes that a gate's program cannot be started with, or a file not be opened with, because this machine is out of something. */
const OUT_OF_RESOURCES = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'ETXTBSY'];

/** Codes of whatever lies behind a network and does not answer now, those of Node's `fetch` included. */
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

/** Codes of files that are there, or may be, but cannot be read now. */
const UNREADABLE = ['EIO', 'ESTALE', 'EACCES', 'EPERM'];

/** Signals by which somebody else ends a process: an operator, a service manager, the kernel that is out of memory. */
const FROM_OUTSIDE: readonly (NodeJS.Signals | null)[] = [
  'SIGTERM',
  'SIGKILL',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
];

/** How deep causes are looked at: an error may be its own cause. */
const DEPTH = 5;

/** Whether this machine was out of something: processes, memory, open files. */
export function isOutOfResources(error: unknown): boolean {
  return hasCode(error, OUT_OF_RESOURCES);
}

/** Whether a function's error, or any of its causes, says that what it asks is away. */
export function isAway(error: unknown): boolean {
  return hasCode(error, [...AWAY, ...OUT_OF_RESOURCES]);
}

/** Whether a file's error leaves open whether the file is there. */
export function isUnreadable(error: unknown): boolean {
  return hasCode(error, [...UNREADABLE, ...AWAY, ...OUT_OF_RESOURCES]);
}

/** Whether a program was ended before it could answer, and not by its own mistake. */
export function wasEndedFromOutside(endedBy: NodeJS.Signals | null): boolean {
  return endedBy !== null && FROM_OUTSIDE.includes(endedBy);
}

/** An error as the reason why a gate could not be asked: `fetch` tells why in its cause alone. */
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
