import { request as overHttp, type IncomingHttpHeaders } from 'node:http';
import { request as overHttps } from 'node:https';

/** Characters of an answer that are read. */
const BODY_LIMIT = 16_384;

/** Statuses with which a server did not take a request, but may take it later. */
const LATER = [408, 425, 429];

/** What became of a request. `unsent`: no connection came about. `unanswered`: it may or may not have arrived. */
export type PostResult =
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; body: string }
  | { kind: 'unsent'; why: string }
  | { kind: 'unanswered'; why: string };

/**
 * Posts JSON over a connection of its own: one that was kept open may be closed by the server just now, and then nobody
 * knows whether the request arrived. Follows no redirect. Errors are told by their code, since their messages may quote
 * the URL, and that may hold a secret.
 */
export function postJson(
  url: URL,
  content: unknown,
  { headers = {}, signal }: { headers?: Record<string, string>; signal: AbortSignal },
): Promise<PostResult> {
  const isSecure = url.protocol === 'https:';
  const text = JSON.stringify(content);
  return new Promise((resolve) => {
    let isConnected = false;
    // The status is what counts: an answer that breaks off behind it is one.
    let endOfAnswer: (() => void) | undefined;
    const request = (isSecure ? overHttps : overHttp)(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers },
      signal,
    });
    request.on('socket', (socket) => {
      socket.once(isSecure ? 'secureConnect' : 'connect', () => (isConnected = true));
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (endOfAnswer) {
        endOfAnswer();
        return;
      }
      const code = signal.aborted ? 'no answer in time' : (error.code ?? 'no code');
      resolve(
        isConnected
          ? { kind: 'unanswered', why: signal.aborted ? code : `the connection broke: ${code}` }
          : { kind: 'unsent', why: `no connection: ${code}` },
      );
    });
    request.on('response', (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      let body = '';
      const end = (endOfAnswer = () => {
        resolve({ kind: 'answered', status, headers: answered, body });
        response.destroy();
      });
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BODY_LIMIT) end();
      });
      response.on('error', end).on('close', end);
    });
    request.end(text);
  });
}

/** Seconds that an answer asks to wait, as its header says, or undefined. */
export function retryAfterOf(headers: IncomingHttpHeaders): number | undefined {
  const seconds = Number(headers['retry-after']);
  return seconds > 0 ? seconds : undefined;
}

/** What a status says of a request. A redirect is not followed, so it refuses. */
export function judgeStatus(status: number): 'taken' | 'later' | 'failed' | 'refused' {
  if (status >= 200 && status < 300) return 'taken';
  if (LATER.includes(status)) return 'later';
  return status >= 500 ? 'failed' : 'refused';
}
