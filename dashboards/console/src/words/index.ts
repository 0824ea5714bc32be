/** The language of the screen: Chinese unless this computer's user chose English before. */
import { ref } from 'vue'

import type { Words } from '../data/types'
import { en } from './en'
import { zh } from './zh'

export type Key = keyof typeof zh
export type Language = 'zh' | 'en'

const REMEMBERED_AS = 'stoplog.language'

function remembered(): Language {
  try {
    return window.localStorage.getItem(REMEMBERED_AS) === 'en' ? 'en' : 'zh'
  } catch {
    return 'zh'
  }
}

export const language = ref<Language>(remembered())

export function setLanguage(chosen: Language): void {
  language.value = chosen
  document.documentElement.lang = chosen === 'zh' ? 'zh-CN' : 'en'
  try {
    window.localStorage.setItem(REMEMBERED_AS, chosen)
  } catch {
    // A browser that keeps nothing still switches for this visit.
  }
}

export function t(key: Key): string {
  return language.value === 'zh' ? zh[key] : en[key]
}

/** The dictionary's word for a code of the server, or the code itself when it is new to this version. */
export function tCode(prefix: string, code: string | number): string {
  const key = `${prefix}${code}`
  return key in zh ? t(key as Key) : String(code)
}

/** Procedures in park files are written in both languages on one line: 「中文 / English」. */
export function side(text: string): string {
  const [first = '', second = ''] = text.split(' / ')
  return second === '' || language.value === 'zh' ? first : second
}

/** Words that the server or the park file gave in both languages. */
export function say(words: Words | string | null | undefined): string {
  if (words === null || words === undefined) return ''
  if (typeof words === 'string') return words
  return words[language.value] || words.zh || words.en
}
