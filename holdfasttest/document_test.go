// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/holdfasttest"
	"holdfast/holdfasttest/need"
)

// documentFolder is where the certificate of the clients' sites is, for the process that trusts it.
const documentFolder = "HOLDFASTTEST_DOCUMENT"

// TestPublishedClientsByTheirDocument: a client that is known by the address of its metadata gets its
// access without registration, and one at an address of this network only when that is allowed. It
// runs in a process of its own, for which certificates are trusted is read once.
func TestPublishedClientsByTheirDocument(t *testing.T) {
	if folder := os.Getenv(documentFolder); folder != "" {
		byDocument(t, folder)
		return
	}
	folder := t.TempDir()
	certify(t, folder)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), documentFolder+"="+folder, "SSL_CERT_FILE="+filepath.Join(folder, "cert.pem"))
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()):
		need.Missing(t, string(out))
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Fatalf("nothing was tried\n%s", out)
	}
}

// certify writes a certificate for localhost that is its own root.
func certify(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clients"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// documentSite serves the document of one client, and answers its address.
func documentSite(t *testing.T, folder string, fetched *atomic.Int32) (id, host string) {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"client_id": "https://" + r.Host + r.URL.Path, "client_name": "Documented", "redirect_uris": []string{"http://127.0.0.1:43210/callback"},
			"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "none",
		})
	}))
	site.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	site.StartTLS()
	t.Cleanup(site.Close)
	_, port, err := net.SplitHostPort(site.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	host = "localhost:" + port
	return "https://" + host + "/client.json", host
}

func byDocument(t *testing.T, folder string) {
	var fetched, inside atomic.Int32
	id, host := documentSite(t, folder, &fetched)
	other, _ := documentSite(t, folder, &inside)
	h := holdfasttest.Start(t, holdfasttest.Options{Files: map[string]string{"holdfast.yaml": "oauth: {register: false, private_clients: [\"" + host + "\"]}\n"}})
	person := h.Person()
	for _, flavour := range []string{"v1", "v2"} {
		d := dance(t, flavour, h.Door()+"/api/mcp", id)
		said := d.says()
		asked, err := url.Parse(word(said["authorize"]))
		if err != nil || asked.Query().Get("client_id") != id {
			t.Fatalf("%s asks for access as %s", flavour, text(said))
		}
		if page := person.Visit(asked.String()); !strings.Contains(page.Text, "<b>Documented</b>") || !strings.Contains(page.Text, id) {
			t.Fatalf("the page does not say who asks:\n%s", page.Text)
		}
		d.hears(person.Allow(asked.String()))
		if first := d.says(); first["tools"] == nil || first["error"] != nil {
			t.Fatalf("%s has no tools: %s", flavour, text(first))
		}
		d.hears("refresh")
		if again := d.says(); again["tools"] == nil || word(again["before"]) == word(again["after"]) {
			t.Errorf("%s could not go on: %s", flavour, text(again))
		}
		_ = d.in.Close()
		if err := d.cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, d.errs.String())
		}
		query := asked.Query()
		query.Set("client_id", other)
		asked.RawQuery = query.Encode()
		if page := person.Visit(asked.String()); page.Status < http.StatusBadRequest || !strings.Contains(page.Text, "not at a public address") || inside.Load() > 0 {
			t.Errorf("a client inside, that nobody allowed: %d, reached %d times\n%s", page.Status, inside.Load(), page.Text)
		}
	}
	if fetched.Load() == 0 {
		t.Error("nobody read the document")
	}
	if grants := string(h.Do("grant.list", `{}`)); !strings.Contains(grants, id) {
		t.Errorf("the grants are %s", grants)
	}
}
