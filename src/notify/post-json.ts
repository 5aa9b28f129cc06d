import { request as overHttp, type IncomingHttpHeaders } from 'node:http';
import { request as overHttps } from 'node:https';

/** How many characters of an answer are read. */
const BODY_LIMIT = 16_384;

/** HTTP statuses of a server that did not accept a request, but may accept it later. */
const LATER = [408, 425, 429];

/** The result of a request. `unsent`: no connection was made. `unanswered`: it may or may not have arrived. */
export type PostResult =
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; body: string }
  | { kind: 'unsent'; why: string }
  | { kind: 'unanswered'; why: string };

/**
 * Posts JSON over a new connection: the server may just be closing one that was kept open, and then nobody knows whether the
 * request arrived. Follows no redirect. Reports errors by their code, because their messages may quote the URL, which may
 * contain a secret.
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
    // Only the status counts: an answer that breaks off after it is complete.
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

/** Seconds to wait, from an answer's Retry-After header; undefined without one. */
export function retryAfterOf(headers: IncomingHttpHeaders): number | undefined {
  const seconds = Number(headers['retry-after']);
  return seconds > 0 ? seconds : undefined;
}

/** What an HTTP status means for a request. A redirect is not followed, so it counts as refused. */
export function judgeStatus(status: number): 'taken' | 'later' | 'failed' | 'refused' {
  if (status >= 200 && status < 300) return 'taken';
  if (LATER.includes(status)) return 'later';
  return status >= 500 ? 'failed' : 'refused';
}
