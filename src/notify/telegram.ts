import { TELEGRAM, type Delivery } from '../domain/notification.js';
import type { Channel } from './channels.js';
import { judgeStatus, postJson, retryAfterOf } from './post-json.js';

/** The maximum length of a Telegram message. */
const TEXT_LIMIT = 4096;
/** How many characters of Telegram's description a log line quotes. */
const QUOTE_LIMIT = 200;

/** What {@link createTelegram} needs. */
export interface TelegramOptions {
  /** `<digits>:<secret>` */
  token: string;
  chatId: string;
  /** The address of the bot API: https://api.telegram.org, or your own server. */
  baseUrl: string;
}

/** Telegram has no idempotency keys, so a message is sent at most once. */
export function createTelegram({ token, chatId, baseUrl }: TelegramOptions): Channel {
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}/bot${token}/sendMessage`);
  const secrets = [token, token.slice(token.indexOf(':') + 1)];

  return {
    name: TELEGRAM,
    async send({ text }, signal): Promise<Delivery> {
      const posted = await postJson(url, { chat_id: chatId, text: shortened(text) }, { signal });
      if (posted.kind === 'unsent') return { result: 'not delivered', why: posted.why };
      if (posted.kind === 'unanswered') return { result: 'unknown', why: posted.why };
      const { status, headers, body } = posted;
      const answer = readAnswer(body);
      const why = `HTTP ${status}${answer.description ? `: ${scrub(answer.description, secrets)}` : ''}`;
      switch (judgeStatus(status)) {
        case 'taken':
          return { result: 'sent' };
        case 'later':
          return { result: 'not delivered', why, retryAfterS: answer.retryAfterS ?? retryAfterOf(headers) };
        case 'failed':
          return { result: 'unknown', why };
        case 'refused':
          return { result: 'refused', why: `${why}; ${whatToDo(status, answer.migratedTo)}` };
      }
    },
  };
}

function shortened(text: string): string {
  if (text.length <= TEXT_LIMIT) return text;
  // Do not cut a surrogate pair in half.
  return `${text.slice(0, TEXT_LIMIT - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function whatToDo(status: number, migratedTo: string | undefined): string {
  if (migratedTo !== undefined) return `the group became a supergroup: set TELEGRAM_CHAT_ID=${migratedTo}`;
  if (status === 401 || status === 404)
    return 'Telegram does not know this bot: set TELEGRAM_BOT_TOKEN to its current token';
  if (status === 403) return 'the bot was blocked or removed: add it to the chat of TELEGRAM_CHAT_ID again';
  return 'check TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID';
}

/** The useful parts of an answer. */
interface Answer {
  description?: string | undefined;
  retryAfterS?: number | undefined;
  /** The new chat id, if the group became a supergroup. */
  migratedTo?: string | undefined;
}

/** Reads Telegram's answer, whatever it contains. */
function readAnswer(body: string): Answer {
  try {
    const { description, parameters } = JSON.parse(body) as { description?: unknown; parameters?: unknown };
    const { retry_after: retryAfter, migrate_to_chat_id: migratedTo } = (parameters ?? {}) as {
      retry_after?: unknown;
      migrate_to_chat_id?: unknown;
    };
    return {
      description: typeof description === 'string' ? description : undefined,
      retryAfterS: typeof retryAfter === 'number' && retryAfter > 0 ? retryAfter : undefined,
      migratedTo: Number.isSafeInteger(migratedTo) ? String(migratedTo) : undefined,
    };
  } catch {
    return {};
  }
}

/** A stranger's text as a log line may quote it: one line, not long, and without secrets. */
function scrub(text: string, secrets: readonly string[]): string {
  const hidden = secrets.reduce((rest, secret) => rest.replaceAll(secret, '<hidden>'), text);
  return hidden.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, QUOTE_LIMIT);
}
