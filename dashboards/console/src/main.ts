import { createApp } from 'vue'

import App from './App.vue'
import { watchForIdleness } from './data/idle'
import { startTicking } from './data/monotonic'
import { begin } from './data/store'
import './style.css'
import { language, setLanguage } from './words'

setLanguage(language.value)
startTicking()
watchForIdleness()
void begin()
createApp(App).mount('#app')
