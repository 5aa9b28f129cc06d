import type { Channel } from './channels.js';
import { createTelegram } from './telegram.js';
import { createWebhook } from './webhook.js';

/** The settings of the built-in channels. A channel without its settings is not created. */
export interface ChannelSettings {
  TELEGRAM_BOT_TOKEN?: string | undefined;
  TELEGRAM_CHAT_ID?: string | undefined;
  TELEGRAM_BASE_URL: string;
  REAPER_WEBHOOK_URL?: string | undefined;
}

/** The built-in notification channels that the settings configure. */
export function createChannels(settings: ChannelSettings): Channel[] {
  const {
    TELEGRAM_BOT_TOKEN: token,
    TELEGRAM_CHAT_ID: chatId,
    TELEGRAM_BASE_URL: baseUrl,
    REAPER_WEBHOOK_URL: webhookUrl,
  } = settings;
  const channels: Channel[] = [];
  if (token !== undefined && chatId !== undefined) channels.push(createTelegram({ token, chatId, baseUrl }));
  if (webhookUrl !== undefined) channels.push(createWebhook(webhookUrl));
  return channels;
}
