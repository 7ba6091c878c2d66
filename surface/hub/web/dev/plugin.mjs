// SPDX-License-Identifier: Apache-2.0
import { answerHub } from './api.mjs'

/** Lets `npm run dev` answer the Hub's calls from the pretended house. */
export const fixture = () => ({
  name: 'fixture-house',
  configureServer: (server) => {
    server.middlewares.use((req, res, next) => {
      answerHub(req, res).then((done) => done || next(), next)
    })
  },
})
