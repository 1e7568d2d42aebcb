//! Examples of the specification; a test places the order.

use serde_json::{Value, json};

/// An order with every part filled in.
#[must_use]
pub fn full_order() -> Value {
    json!({
        "clientReference": "web-8812", "channel": "web", "currency": "EUR", "placedAt": "2026-05-04T10:00:00Z",
        "customer": {"id": "c-17", "email": "a@example.org", "phone": null, "locale": "de-DE"},
        "shippingAddress": {"name": "A. Muster", "company": null, "address1": "Weg 1", "address2": null,
            "city": "Ulm", "region": null, "postalCode": "89073", "countryCode": "DE"},
        "billingAddress": null,
        "deliveryMethod": {"code": "dhl", "name": "DHL", "serviceLevel": "standard"},
        "lines": [{"sku": "MUG-1", "name": "Mug", "quantity": 2, "unitPrice": "12.90", "discount": "1.00",
            "tax": "3.96", "requiresShipping": true, "metadata": {}}],
        "shippingLines": [{"code": "std", "price": "4.90", "tax": "0.78"}], "fees": [],
        "taxIncluded": true, "total": "29.70", "paymentStatus": "paid", "paymentReference": "pi_1",
        "holds": [], "allocationPolicy": "reject", "promisedBy": null, "metadata": {"campaign": "x"}, "notes": null
    })
}

/// The answer to a total that is wrong.
#[must_use]
pub fn total_mismatch() -> Value {
    json!({
        "type": "/problems/total-mismatch", "title": "The total does not add up", "status": 422, "code": "total_mismatch",
        "detail": "lines 25.80 − discounts 1.00 + shipping 4.90 + fees 0.00 = 29.70; the request says 30.70",
        "field": "total", "correlationId": "0b1f5d0e-7a39-4a35-9a55-3f2f6f1f7f10"
    })
}
