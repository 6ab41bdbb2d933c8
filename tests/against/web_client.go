// A client in Go, of net/http: asks tests/against/web_app.py for everything, and checks
// every answer. Says nothing and ends with 0 when all of it was right.
//
//	web_client http://127.0.0.1:8080 BIG_SHA256 TOGETHER
//
// TOGETHER is how many clients ask at the same time, each with one connection: where a
// server serves one connection at a time, the second would wait for the end of the first.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const bigBytes = 5000000

type client struct {
	*http.Client
	base, bigSum string
}

// told is what the server says that it has got.
type told struct {
	Method    string
	Announced *int64
	Bytes     int64
	Sha256    string
	Trailers  [][2]string
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func some(n int) []byte {
	data := make([]byte, n)
	for at := range data {
		data[at] = byte(at * 7 >> 3)
	}
	return data
}

// onlyReader hides what a reader is, so that net/http knows no length and sends chunks.
type onlyReader struct{ io.Reader }

// countingReader knows whether anybody has read.
type countingReader struct {
	io.Reader
	n int
}

func (r *countingReader) Read(data []byte) (int, error) {
	n, err := r.Reader.Read(data)
	r.n += n
	return n, err
}

// do sends a request and returns the answer with its whole body.
func (c *client) do(r *http.Request, err error) (*http.Response, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	answer, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
}

// want says how an answer differs from what it should be; "" as a body wants any.
func want(answer *http.Response, body []byte, err error, status int, text string) error {
	if err != nil {
		return err
	}
	if answer.StatusCode != status || text != "" && string(body) != text {
		return fmt.Errorf("%s: %.200q", answer.Status, body)
	}
	return nil
}

func (c *client) get(path string) (*http.Response, []byte, error) {
	return c.do(http.NewRequest("GET", c.base+path, nil))
}

func wantTold(answer *http.Response, body []byte, err error, data []byte, announced int64) (told, error) {
	var got told
	if err := want(answer, body, err, 200, ""); err != nil {
		return got, err
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return got, err
	}
	is := int64(-1)
	if got.Announced != nil {
		is = *got.Announced
	}
	if got.Bytes != int64(len(data)) || got.Sha256 != sum(data) || is != announced {
		return got, fmt.Errorf("the server got something else: %s", body)
	}
	return got, nil
}

func keepsOneConnection(c *client) error {
	reused := 0
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if i.Reused {
			reused++
		}
	}}
	ctx := httptrace.WithClientTrace(context.Background(), trace)
	for i := 0; i < 20; i++ {
		path := fmt.Sprintf("/hello/%d", i)
		answer, body, err := c.do(http.NewRequestWithContext(ctx, "GET", c.base+path, nil))
		if err := want(answer, body, err, 200, fmt.Sprintf("Hello, %d!", i)); err != nil {
			return err
		}
	}
	if reused < 19 {
		return fmt.Errorf("%d of 20 requests came by a connection that was there", reused)
	}
	return nil
}

func postsWithALength(c *client) error {
	data := some(100000)
	answer, body, err := c.do(http.NewRequest("POST", c.base+"/told", bytes.NewReader(data)))
	_, err = wantTold(answer, body, err, data, int64(len(data)))
	return err
}

func sendsChunksAndTrailers(c *client) error {
	data := some(300000)
	r, err := http.NewRequest("PUT", c.base+"/told", onlyReader{bytes.NewReader(data)})
	if err != nil {
		return err
	}
	r.Trailer = http.Header{"X-Sum": {sum(data)}, "X-Empty": {""}}
	answer, body, err := c.do(r, nil)
	got, err := wantTold(answer, body, err, data, -1)
	if err != nil {
		return err
	}
	for _, each := range got.Trailers {
		if each == [2]string{"X-Sum", sum(data)} {
			return nil
		}
	}
	return fmt.Errorf("trailers %q", got.Trailers)
}

func readsChunks(c *client) error {
	answer, body, err := c.get("/stream/1003")
	if err := want(answer, body, err, 200, ""); err != nil {
		return err
	}
	if len(answer.TransferEncoding) != 1 || answer.TransferEncoding[0] != "chunked" {
		return fmt.Errorf("transfer encoding %q", answer.TransferEncoding)
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	n := 0
	for ; lines.Scan(); n++ {
		if lines.Text() != fmt.Sprintf("line %d", n) {
			return fmt.Errorf("line %d is %q", n, lines.Text())
		}
	}
	if n != 1003 {
		return fmt.Errorf("%d lines", n)
	}
	return nil
}

// conversesByChunks says a word only when the one before has come back.
func conversesByChunks(c *client) error {
	reader, writer := io.Pipe()
	r, err := http.NewRequest("POST", c.base+"/back", reader)
	if err != nil {
		return err
	}
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for i := 0; i < 20; i++ {
		said := strings.Repeat(strconv.Itoa(i), 1+i*i)
		if _, err := io.WriteString(writer, said); err != nil {
			return err
		}
		heard := make([]byte, len(said))
		if _, err := io.ReadFull(answer.Body, heard); err != nil {
			return fmt.Errorf("word %d: %w", i, err)
		}
		if string(heard) != said {
			return fmt.Errorf("%q came back as %q", said, heard)
		}
	}
	writer.Close()
	rest, err := io.ReadAll(answer.Body)
	if err != nil || len(rest) != 0 {
		return fmt.Errorf("at the end: %q, %v", rest, err)
	}
	return nil
}

func downloads(c *client) error {
	answer, body, err := c.get("/files/big.bin")
	if err := want(answer, body, err, 200, ""); err != nil {
		return err
	}
	if answer.ContentLength != bigBytes || sum(body) != c.bigSum {
		return fmt.Errorf("%d of %d bytes, or others", len(body), answer.ContentLength)
	}
	return nil
}

// goesOnDownloading asks for the rest, if it is still the same file.
func goesOnDownloading(c *client) error {
	first, whole, err := c.get("/files/big.bin")
	if err != nil {
		return err
	}
	r, _ := http.NewRequest("GET", c.base+"/files/big.bin", nil)
	r.Header.Set("Range", "bytes=4999000-")
	r.Header.Set("If-Range", first.Header.Get("ETag"))
	answer, body, err := c.do(r, nil)
	if err := want(answer, body, err, 206, string(whole[4999000:])); err != nil {
		return err
	}
	if said := answer.Header.Get("Content-Range"); said != "bytes 4999000-4999999/5000000" {
		return fmt.Errorf("content range %q", said)
	}
	r, _ = http.NewRequest("GET", c.base+"/files/big.bin", nil)
	r.Header.Set("If-None-Match", first.Header.Get("ETag"))
	answer, body, err = c.do(r, nil)
	return want(answer, body, err, 304, "")
}

func asksForAHead(c *client) error {
	answer, body, err := c.do(http.NewRequest("HEAD", c.base+"/files/big.bin", nil))
	if err == nil && (answer.ContentLength != bigBytes || len(body) != 0) {
		return fmt.Errorf("%d bytes announced, %d came", answer.ContentLength, len(body))
	}
	return want(answer, body, err, 200, "")
}

// takesItCompressed relies on net/http, which asks for gzip and unpacks it unasked.
func takesItCompressed(c *client) error {
	answer, body, err := c.get("/files/app.css")
	if err == nil && !answer.Uncompressed {
		return fmt.Errorf("not compressed: %q", answer.Header)
	}
	return want(answer, body, err, 200, strings.Repeat("body { color: rgb(1, 2, 3) }\n", 100))
}

func hearsEarlyHints(c *client) error {
	var link string
	trace := &httptrace.ClientTrace{
		Got1xxResponse: func(code int, fields textproto.MIMEHeader) error {
			if code == 103 {
				link = fields.Get("Link")
			}
			return nil
		},
	}
	ctx := httptrace.WithClientTrace(context.Background(), trace)
	answer, body, err := c.do(http.NewRequestWithContext(ctx, "GET", c.base+"/hints", nil))
	if err == nil && link != "</files/app.css>; rel=preload; as=style" {
		return fmt.Errorf("early hint %q", link)
	}
	return want(answer, body, err, 200, "Hello behind hints!")
}

func expecting(c *client, path string, data []byte) (
	heard bool, sent int, answer *http.Response, body []byte, err error) {
	trace := &httptrace.ClientTrace{Got100Continue: func() { heard = true }}
	ctx := httptrace.WithClientTrace(context.Background(), trace)
	from := &countingReader{Reader: bytes.NewReader(data)}
	r, err := http.NewRequestWithContext(ctx, "POST", c.base+path, from)
	if err != nil {
		return
	}
	r.ContentLength = int64(len(data))
	r.Header.Set("Expect", "100-continue")
	answer, body, err = c.do(r, nil)
	return heard, from.n, answer, body, err
}

func waitsForContinue(c *client) error {
	data := some(200000)
	heard, _, answer, body, err := expecting(c, "/told", data)
	if _, err := wantTold(answer, body, err, data, int64(len(data))); err != nil {
		return err
	}
	if !heard {
		return fmt.Errorf("no 100 Continue came")
	}
	return nil
}

func sendsNothingWhereItIsRefused(c *client) error {
	heard, sent, answer, body, err := expecting(c, "/nobody", some(200000))
	if err := want(answer, body, err, 401, "401 Unauthorized: not you\n"); err != nil {
		return err
	}
	if heard || sent != 0 {
		return fmt.Errorf("%d bytes were sent, to a 401", sent)
	}
	return nil
}

// readsARefusalWhileItSends sends more than fits on the way, and expects nothing.
func readsARefusalWhileItSends(c *client) error {
	answer, body, err := c.do(http.NewRequest("POST", c.base+"/small", bytes.NewReader(some(8<<20))))
	refused := "413 Content Too Large: the body is over 1048576 bytes\n"
	return want(answer, body, err, 413, refused)
}

func keepsCookies(c *client) error {
	jar, _ := cookiejar.New(nil)
	with := &client{&http.Client{Transport: c.Transport, Jar: jar}, c.base, c.bigSum}
	for _, expected := range []string{
		`{}`,
		`{"c0":"value of c0"}`,
		`{"c0":"value of c0","c1":"value of c1"}`,
	} {
		answer, body, err := with.get("/cookies")
		if err := want(answer, body, err, 200, expected); err != nil {
			return err
		}
	}
	return nil
}

func followsARedirect(c *client) error {
	answer, body, err := c.get("/moved/hello/there%20you")
	return want(answer, body, err, 200, "Hello, there you!")
}

func sendsAForm(c *client) error {
	var data bytes.Buffer
	writer := multipart.NewWriter(&data)
	writer.WriteField("who", "Zoë & Co")
	file, _ := writer.CreateFormFile("what", "a b.bin")
	content := some(100000)
	file.Write(content)
	writer.Close()
	r, err := http.NewRequest("POST", c.base+"/form", &data)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", writer.FormDataContentType())
	answer, body, err := c.do(r, nil)
	expected := fmt.Sprintf(
		`{"fields":[["who","Zoë & Co"]],"files":[["what","a b.bin","%s"]]}`, sum(content))
	return want(answer, body, err, 200, expected)
}

// goesAwayInTheMiddle leaves most of an answer, and the next one is right all the same.
func goesAwayInTheMiddle(c *client) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", c.base+"/files/big.bin", nil)
	if err != nil {
		return err
	}
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(answer.Body, make([]byte, 1000)); err != nil {
		return err
	}
	cancel()
	answer.Body.Close()
	answer, body, err := c.get("/hello/again")
	return want(answer, body, err, 200, "Hello, again!")
}

var checks = map[string]func(*client) error{
	"keeps one connection":              keepsOneConnection,
	"posts with a length":               postsWithALength,
	"sends chunks and trailers":         sendsChunksAndTrailers,
	"reads chunks":                      readsChunks,
	"converses by chunks":               conversesByChunks,
	"downloads":                         downloads,
	"goes on downloading":               goesOnDownloading,
	"asks for a head":                   asksForAHead,
	"takes it compressed":               takesItCompressed,
	"hears early hints":                 hearsEarlyHints,
	"waits for continue":                waitsForContinue,
	"sends nothing where it is refused": sendsNothingWhereItIsRefused,
	"reads a refusal while it sends":    readsARefusalWhileItSends,
	"keeps cookies":                     keepsCookies,
	"follows a redirect":                followsARedirect,
	"sends a form":                      sendsAForm,
	"goes away in the middle":           goesAwayInTheMiddle,
}

func main() {
	together, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	var clients sync.WaitGroup
	var failing sync.Mutex
	failed := false
	for i := 0; i < together; i++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			transport := &http.Transport{
				MaxConnsPerHost:       1,
				ExpectContinueTimeout: time.Minute, // only a 100 lets it send
			}
			defer transport.CloseIdleConnections()
			plain := &http.Client{Transport: transport, Timeout: 30 * time.Second}
			c := &client{plain, os.Args[1], os.Args[2]}
			for name, check := range checks { // in another order each time
				if err := check(c); err != nil {
					failing.Lock()
					failed = true
					fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
					failing.Unlock()
				}
			}
		}()
	}
	clients.Wait()
	if failed {
		os.Exit(1)
	}
}
