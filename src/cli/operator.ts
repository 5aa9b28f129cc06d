import { hostname, userInfo } from 'node:os';
import { Option } from 'commander';

/** The name of the operator for the audit trail: `user@host`. */
function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // In a container, the user may have a uid without a name.
    return `uid ${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}

/** `--by`: the operator. */
export function byOption(): Option {
  return new Option('--by <who>', 'your name, for the audit trail').default(whoAmI());
}

/** `--reason`: for other operators. */
export function reasonOption(): Option {
  return new Option('--reason <text>', 'why, for the audit trail').default('no reason given');
}
