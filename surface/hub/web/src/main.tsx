// SPDX-License-Identifier: Apache-2.0
import './styles/tokens.css'
import './styles/base.css'
import './styles/parts.css'
import './styles/shell.css'
import './styles/pages.css'

import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

import { queries } from './api/house.ts'
import { fetchPages, router } from './routes.tsx'
import { Confirmations } from './ui/confirm.tsx'
import { Gate } from './ui/gate.tsx'
import { Toasts } from './ui/toasts.tsx'

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <Gate>
          <RouterProvider router={router} />
          <Confirmations />
        </Gate>
        <Toasts />
      </QueryClientProvider>
    </StrictMode>,
  )
}

window.addEventListener('load', fetchPages)
