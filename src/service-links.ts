import { isIP } from 'node:net';

const isNumber = (value: string) => /^\d{1,5}$/.test(value);
const isUrl = (value: string) => /^(tcp|udp|sctp):\/\/[^/\s]+:\d{1,5}$/.test(value);
const isAddress = (value: string) => isIP(value) !== 0;

/** How Kubernetes names the variables of a Service (the more specific endings first), and what values they have. */
const FORMS: readonly (readonly [name: RegExp, value: (value: string) => boolean])[] = [
  [/._SERVICE_HOST$/, isAddress],
  [/._SERVICE_PORT(_[A-Z0-9_]+)?$/, isNumber],
  [/._PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, (value) => /^(tcp|udp|sctp)$/.test(value)],
  [/._PORT_\d+_(TCP|UDP|SCTP)_PORT$/, isNumber],
  [/._PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, isAddress],
  [/._PORT(_\d+_(TCP|UDP|SCTP))?$/, isUrl],
];

/**
 * Whether a variable is a link to a Kubernetes Service, which every pod in the namespace gets: a Service `reaper` sets
 * REAPER_PORT and six more, none of which is meant as a setting.
 */
export function isServiceLink(name: string, value: string): boolean {
  return FORMS.some(([form, fits]) => form.test(name) && fits(value));
}
