package client

import (
	"context"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// SearchRequest searches documents, those of results included.
type SearchRequest struct {
	// Index is a name, an alias or a pattern, or several separated by commas.
	Index string // required
	// Body is the search as JSON: query, aggs, sort, size, …; nil asks for all.
	Body []byte
}

// Search returns the answer to a search. Documents and aggregations are JSON.
func (c *Client) Search(ctx context.Context, r SearchRequest) (*wire.SearchResponse, error) {
	q := at("search", r.Index, http.MethodPost, r.Index, "_search").need("Index", r.Index).again()
	if r.Body != nil {
		q.raw("Body", r.Body)
	}
	return send[wire.SearchResponse](ctx, c, q)
}

// SearchAsync is Search with a listener.
func (c *Client) SearchAsync(ctx context.Context, r SearchRequest, l Listener[wire.SearchResponse]) *Pending {
	return async(ctx, c, r, l, c.Search)
}

// CountRequest counts documents.
type CountRequest struct {
	// Index is a name, an alias or a pattern, or several separated by commas.
	Index string // required
	// Body is JSON with a query; nil counts all.
	Body []byte
}

// Count returns how many documents a query finds.
func (c *Client) Count(ctx context.Context, r CountRequest) (*wire.CountResponse, error) {
	q := at("count", r.Index, http.MethodPost, r.Index, "_count").need("Index", r.Index).again()
	if r.Body != nil {
		q.raw("Body", r.Body)
	}
	return send[wire.CountResponse](ctx, c, q)
}

// CountAsync is Count with a listener.
func (c *Client) CountAsync(ctx context.Context, r CountRequest, l Listener[wire.CountResponse]) *Pending {
	return async(ctx, c, r, l, c.Count)
}

// BulkRequest writes documents.
type BulkRequest struct {
	// Index is where documents go whose action names no index.
	Index string
	// Lines are actions and documents, a line each.
	Lines []byte
}

// Bulk makes many changes of documents; the answer says of each what became of it.
func (c *Client) Bulk(ctx context.Context, r BulkRequest) (*wire.BulkResponse, error) {
	segments := []string{"_bulk"}
	if r.Index != "" {
		segments = []string{r.Index, "_bulk"}
	}
	q := at("write "+strconv.Itoa(len(r.Lines))+" bytes of documents", r.Index, http.MethodPost, segments...).raw("Lines", r.Lines)
	q.header = http.Header{"Content-Type": {mediaLines}}
	return send[wire.BulkResponse](ctx, c, q)
}

// BulkAsync is Bulk with a listener.
func (c *Client) BulkAsync(ctx context.Context, r BulkRequest, l Listener[wire.BulkResponse]) *Pending {
	return async(ctx, c, r, l, c.Bulk)
}

// IndexRequest writes one document.
type IndexRequest struct {
	Index string // required
	// ID names the document; one of that id is replaced. Empty: a new id.
	ID string
	// Document is a JSON object. Required.
	Document []byte
	// Create fails with 409 if there is a document of that id.
	Create bool
}

// Index writes one document; its index is made if need be.
func (c *Client) Index(ctx context.Context, r IndexRequest) (*wire.DocumentWritten, error) {
	method, segments := http.MethodPost, []string{r.Index, "_doc"}
	switch {
	case r.Create:
		method, segments = http.MethodPut, []string{r.Index, "_create", r.ID}
	case r.ID != "":
		method, segments = http.MethodPut, append(segments, r.ID)
	}
	q := at("write a document of", r.Index, method, segments...).need("Index", r.Index).raw("Document", r.Document)
	if r.Create {
		q.need("ID", r.ID)
	}
	q.repeatable = r.ID != "" && !r.Create
	return send[wire.DocumentWritten](ctx, c, q)
}

// IndexAsync is Index with a listener.
func (c *Client) IndexAsync(ctx context.Context, r IndexRequest, l Listener[wire.DocumentWritten]) *Pending {
	return async(ctx, c, r, l, c.Index)
}

// GetDocumentRequest names a document.
type GetDocumentRequest struct {
	Index, ID string // required
}

// GetDocument returns one document.
func (c *Client) GetDocument(ctx context.Context, r GetDocumentRequest) (*wire.Document, error) {
	return send[wire.Document](ctx, c, at("get a document of", r.Index, http.MethodGet, r.Index, "_doc", r.ID).need("Index", r.Index).need("ID", r.ID))
}

// GetDocumentAsync is GetDocument with a listener.
func (c *Client) GetDocumentAsync(ctx context.Context, r GetDocumentRequest, l Listener[wire.Document]) *Pending {
	return async(ctx, c, r, l, c.GetDocument)
}

// DeleteDocumentRequest names a document.
type DeleteDocumentRequest struct {
	Index, ID string // required
}

// DeleteDocument removes one document.
func (c *Client) DeleteDocument(ctx context.Context, r DeleteDocumentRequest) (*wire.DocumentWritten, error) {
	q := at("delete a document of", r.Index, http.MethodDelete, r.Index, "_doc", r.ID).need("Index", r.Index).need("ID", r.ID)
	return send[wire.DocumentWritten](ctx, c, q)
}

// DeleteDocumentAsync is DeleteDocument with a listener.
func (c *Client) DeleteDocumentAsync(ctx context.Context, r DeleteDocumentRequest, l Listener[wire.DocumentWritten]) *Pending {
	return async(ctx, c, r, l, c.DeleteDocument)
}

// CreateIndexRequest names a new index.
type CreateIndexRequest struct {
	Index string // required
	// Body is JSON with mappings and settings; nil leaves the fields' types to the
	// documents.
	Body []byte
}

// CreateIndex makes an index.
func (c *Client) CreateIndex(ctx context.Context, r CreateIndexRequest) (*wire.IndexCreated, error) {
	q := at("create index", r.Index, http.MethodPut, r.Index).need("Index", r.Index)
	if r.Body != nil {
		q.raw("Body", r.Body)
	}
	return send[wire.IndexCreated](ctx, c, q)
}

// CreateIndexAsync is CreateIndex with a listener.
func (c *Client) CreateIndexAsync(ctx context.Context, r CreateIndexRequest, l Listener[wire.IndexCreated]) *Pending {
	return async(ctx, c, r, l, c.CreateIndex)
}

// GetIndexRequest names indices.
type GetIndexRequest struct {
	// Index is a name, an alias or a pattern, or several separated by commas.
	Index string // required
}

// GetIndex returns aliases, mappings and settings by index, as JSON.
func (c *Client) GetIndex(ctx context.Context, r GetIndexRequest) (*map[string]jsontext.Value, error) {
	return send[map[string]jsontext.Value](ctx, c, at("get index", r.Index, http.MethodGet, r.Index).need("Index", r.Index))
}

// GetIndexAsync is GetIndex with a listener.
func (c *Client) GetIndexAsync(ctx context.Context, r GetIndexRequest, l Listener[map[string]jsontext.Value]) *Pending {
	return async(ctx, c, r, l, c.GetIndex)
}

// DeleteIndexRequest names indices.
type DeleteIndexRequest struct {
	Index string // required
}

// DeleteIndex removes an index with its documents.
func (c *Client) DeleteIndex(ctx context.Context, r DeleteIndexRequest) (*wire.Acknowledged, error) {
	return send[wire.Acknowledged](ctx, c, at("delete index", r.Index, http.MethodDelete, r.Index).need("Index", r.Index))
}

// DeleteIndexAsync is DeleteIndex with a listener.
func (c *Client) DeleteIndexAsync(ctx context.Context, r DeleteIndexRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteIndex)
}

// RefreshRequest names indices.
type RefreshRequest struct {
	// Index is a name or a pattern, or several separated by commas. Required.
	Index string
}

// Refresh lets searches see what was written before.
func (c *Client) Refresh(ctx context.Context, r RefreshRequest) (*wire.Refreshed, error) {
	return send[wire.Refreshed](ctx, c, at("refresh", r.Index, http.MethodPost, r.Index, "_refresh").need("Index", r.Index).again())
}

// RefreshAsync is Refresh with a listener.
func (c *Client) RefreshAsync(ctx context.Context, r RefreshRequest, l Listener[wire.Refreshed]) *Pending {
	return async(ctx, c, r, l, c.Refresh)
}
