import { execa } from 'execa';

/**
 * Waits for the end of its input, which comes when our process is gone, however it ended: the kernel closes the pipe
 * after SIGKILL too. This needs no polling and, unlike a parent-death signal, also works on macOS.
 */
const SCRIPT = `
signal=$1 pid=$2 folder=$3
while read -r word; do
  case $word in
    done) exit 0 ;;
    gone) pid= ;;
  esac
done
if [ -n "$pid" ]; then
  kill -"$signal" "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$folder"
`;

/** Ends a server and removes its folder if this process dies before it can. */
export interface Watchdog {
  /** The server has ended: its pid may soon be reused, and must not be signalled any more. */
  serverGone(): void;
  /** Everything is cleaned up: the watchdog ends. */
  dismiss(): void;
}

/**
 * Starts a {@link Watchdog}. Without `sh` (on Windows), it does nothing.
 *
 * @param signal sent first, without `SIG`; SIGKILL follows 5 s later
 * @param pid the server
 * @param folder removed after the server has ended
 */
export function startWatchdog(signal: 'QUIT' | 'TERM', pid: number, folder: string): Watchdog {
  if (process.platform === 'win32') return { serverGone: () => undefined, dismiss: () => undefined };
  const sh = execa('sh', ['-c', SCRIPT, 'watchdog', signal, String(pid), folder], {
    // Its own process group: the Ctrl-C that ends us must not end it first.
    detached: true,
    cleanup: false,
    reject: false,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  // It must not keep our process alive.
  sh.unref();
  const pipe = sh.stdin as typeof sh.stdin & { unref?: () => void };
  pipe.unref?.();
  pipe.on('error', () => undefined);
  return {
    serverGone: () => void pipe.write('gone\n'),
    dismiss: () => void pipe.end('done\n'),
  };
}
